package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// snippetHeader is a header whose name and value need quoting.
const (
	snippetName  = "x-$'`over"
	snippetValue = "service-3:v2;strict, service-5.shop:v2"
)

// TestSnippetsSendTheHeader runs the snippets for the programs that are installed,
// against a server that checks the header.
func TestSnippetsSendTheHeader(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		output, program, file string
		// args run the program; FILE is the path of the snippet, URL the server's,
		// SNIPPET the text.
		args string
	}{
		{output: "curl", program: "curl", file: "arguments", args: `eval "curl -sS $SNIPPET $URL"`},
		{output: "python", program: "python3", file: "request.py", args: `python3 "$FILE" "$URL"`},
		{output: "js", program: "node", file: "request.mjs", args: `node "$FILE" "$URL"`},
		{output: "k6", program: "k6", file: "script.js", args: `k6 run --quiet -e "URL=$URL" "$FILE"`},
	} {
		t.Run(test.output, func(t *testing.T) {
			t.Parallel()
			shell := needProgram(t, "sh")
			needProgram(t, test.program)
			seen := make(chan string, 10)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen <- r.Header.Get(snippetName)
				_, _ = w.Write([]byte("answered\n"))
			}))
			defer server.Close()
			text := writtenSnippet(t, test.output)
			file := filepath.Join(t.TempDir(), test.file)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), shell, "-c", test.args)
			command.Env = append(os.Environ(), "FILE="+file, "URL="+server.URL, "SNIPPET="+text, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
			output, err := command.CombinedOutput()
			if err != nil || !strings.Contains(string(output), "answered") && test.output != "k6" {
				t.Fatalf("%v\n%s", err, output)
			}
			select {
			case got := <-seen:
				if got != snippetValue {
					t.Errorf("the header has the value %q, want %q", got, snippetValue)
				}
			default:
				t.Errorf("no request came\n%s", output)
			}
		})
	}
}

// TestSnippetsForScripts runs the other snippets in Node, with a stub for the part of the
// missing runtime that they use.
func TestSnippetsForScripts(t *testing.T) {
	t.Parallel()
	const (
		k6 = `globalThis.__ENV = { URL: 'http://shop' };
const { default: run } = await import('./snippet.mjs');
run();`
		playwright = `const { default: config } = await import('./snippet.mjs');
console.log(JSON.stringify(config.use.extraHTTPHeaders));`
		cypress = `const request = { headers: {} };
globalThis.Cypress = { config: (name) => name === 'baseUrl' ? 'http://shop' : undefined };
globalThis.cy = { intercept: (url, handle) => { if (url === 'http://shop/**') handle(request); } };
globalThis.beforeEach = (f) => f();
await import('./snippet.mjs');
console.log(JSON.stringify(request.headers));`
		postman = `const headers = {};
globalThis.pm = { request: { headers: { upsert: (h) => { headers[h.key] = h.value; } } } };
await import('./snippet.mjs');
console.log(JSON.stringify(headers));`
	)
	for output, main := range map[string]string{"k6": k6, "playwright": playwright, "cypress": cypress, "postman": postman} {
		t.Run(output, func(t *testing.T) {
			t.Parallel()
			node := needProgram(t, "node")
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("snippet.mjs", writtenSnippet(t, output))
			write("main.mjs", main)
			write("node_modules/k6/package.json", `{"type": "module", "exports": {"./http": "./http.js"}}`)
			write("node_modules/k6/http.js", `export default { get: (url, params) => console.log(JSON.stringify(params.headers)) };`)
			write("node_modules/@playwright/test/package.json", `{"type": "module", "exports": "./index.js"}`)
			write("node_modules/@playwright/test/index.js", `export const defineConfig = (config) => config;`)
			got, err := exec.CommandContext(t.Context(), node, filepath.Join(dir, "main.mjs")).CombinedOutput()
			if want := "{" + jsonQuote(snippetName) + ":" + jsonQuote(snippetValue) + "}\n"; err != nil || string(got) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

// needProgram skips a test where a program is not installed.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// writtenSnippet returns the output of header for a program.
func writtenSnippet(t *testing.T, output string) string {
	t.Helper()
	var out, errs bytes.Buffer
	argv := []string{"overrides", "header", "-o", output, "--header-name", snippetName, snippetValue}
	if code := Main(t.Context(), argv, Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != exitFine {
		t.Fatalf("exit code %d\n%s", code, &errs)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
