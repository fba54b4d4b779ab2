package internal_test

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestForwardingSnippets runs a service with the code for each language in
// docs/forwarding.md, if this machine has the language, and checks the forwarded headers.
func TestForwardingSnippets(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/forwarding.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, service := range map[string]func(t *testing.T, doc, folder, url string) *exec.Cmd{
		"WSGI": wsgi, "ASGI": asgi, "Node": node, "Java": java,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen http.Header
			last := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
			t.Cleanup(last.Close)
			url := started(t, service(t, string(doc), t.TempDir(), last.URL))

			get(t, url, http.Header{"X-Override": {"service-3:v2", "service-5:v2;strict"}, "Baggage": {"override.service-4=v2,user=alice"}})
			want := []string{"service-3:v2, service-5:v2;strict", "override.service-4=v2,user=alice"}
			if diff := cmp.Diff(want, carriersOf(seen)); diff != "" {
				t.Error(diff)
			}
			get(t, url, nil)
			if diff := cmp.Diff([]string{"", ""}, carriersOf(seen)); diff != "" {
				t.Errorf("a request without carriers: %s", diff)
			}
		})
	}
}

// carriersOf returns both carriers; joined lines count as lines.
func carriersOf(h http.Header) []string {
	joined := strings.Join(h["X-Override"], ", ")
	return []string{strings.Join(strings.FieldsFunc(joined, func(r rune) bool { return r == ',' || r == ' ' }), ", "), strings.Join(h["Baggage"], ", ")}
}

func wsgi(t *testing.T, doc, folder, url string) *exec.Cmd {
	t.Helper()
	return python(t, doc, folder, url, "wsgi")
}

func asgi(t *testing.T, doc, folder, url string) *exec.Cmd {
	t.Helper()
	return python(t, doc, folder, url, "asgi")
}

func python(t *testing.T, doc, folder, url, kind string) *exec.Cmd {
	t.Helper()
	program := lookPath(t, "python3")
	copyTo(t, folder, "main.py")
	writeTo(t, folder, "snippet.py", snippet(t, doc, "python", 0))
	return exec.CommandContext(t.Context(), program, filepath.Join(folder, "main.py"), url, kind)
}

func node(t *testing.T, doc, folder, url string) *exec.Cmd {
	t.Helper()
	program := lookPath(t, "node")
	copyTo(t, folder, "main.mjs")
	writeTo(t, folder, "snippet.mjs", snippet(t, doc, "js", 0))
	return exec.CommandContext(t.Context(), program, filepath.Join(folder, "main.mjs"), url)
}

func java(t *testing.T, doc, folder, url string) *exec.Cmd {
	t.Helper()
	compiler, program := lookPath(t, "javac"), lookPath(t, "java")
	writeTo(t, folder, "Overrides.java", snippet(t, doc, "java", 0))
	source, err := os.ReadFile("testdata/forwarding/Main.java")
	if err != nil {
		t.Fatal(err)
	}
	writeTo(t, folder, "Main.java", strings.Replace(string(source), "// CALL", snippet(t, doc, "java", 1), 1))
	compile := exec.CommandContext(t.Context(), compiler, "-d", folder, "-sourcepath", "testdata/forwarding",
		filepath.Join(folder, "Overrides.java"), filepath.Join(folder, "Main.java"))
	if output, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, output)
	}
	return exec.CommandContext(t.Context(), program, "-cp", folder, "Main", url)
}

// snippet returns the n-th block of code in a language.
func snippet(t *testing.T, doc, language string, n int) string {
	t.Helper()
	blocks := strings.Split(doc, "```"+language+"\n")
	if len(blocks) < n+2 {
		t.Fatalf("docs/forwarding.md has %d blocks of %s", len(blocks)-1, language)
	}
	code, _, _ := strings.Cut(blocks[n+1], "```")
	return code
}

// started starts a program that prints its port, and returns its URL.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s ends: %v", cmd, err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(line) + "/"
}

func get(t *testing.T, url string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, h)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", url, res.Status, err)
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

func copyTo(t *testing.T, folder, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "forwarding", name))
	if err != nil {
		t.Fatal(err)
	}
	writeTo(t, folder, name, string(content))
}

func writeTo(t *testing.T, folder, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
