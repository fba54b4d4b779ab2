package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each case is a module with these files; want has what the output contains, the
// last of it being its last line.
var cases = map[string]struct {
	files map[string]string
	flags []string
	code  int
	want  []string
}{
	"passes, with subtests and a package without tests": {
		files: map[string]string{
			"a/a_test.go": `func TestA(t *testing.T) { t.Run("b", func(*testing.T) {}); t.Run("c", func(*testing.T) {}) }`,
			"b/b.go":      ``,
		},
		want: []string{"ok", "3 passed, 0 failed, 0 skipped"},
	},
	"a skip says why": {
		files: map[string]string{"a/a_test.go": `func TestA(t *testing.T) { t.Skip("no corpus") }`},
		want:  []string{"TestA", "no corpus", "0 passed, 0 failed, 1 skipped"},
	},
	"a failure shows what the test said": {
		files: map[string]string{"a/a_test.go": `func TestA(t *testing.T) { t.Error("off by one") }; func TestB(t *testing.T) {}`},
		code:  1,
		want:  []string{"off by one", "1 passed, 1 failed, 0 skipped"},
	},
	"a package that does not build fails once, the others count": {
		files: map[string]string{
			"a/a_test.go": `func TestA(t *testing.T) { undefined() }`,
			"b/b_test.go": `func TestB(t *testing.T) {}`,
		},
		code: 1,
		want: []string{"undefined: undefined", "1 passed, 1 failed, 0 skipped"},
	},
	"every package that does not build fails": {
		files: map[string]string{
			"a/a_test.go": `func TestA(t *testing.T) { undefined() }`,
			"b/b_test.go": `func TestB(t *testing.T) { undefined() }`,
			"c/c_test.go": `func TestC(t *testing.T) { t.Fail() }`,
		},
		code: 1,
		want: []string{"0 passed, 3 failed, 0 skipped"},
	},
	"a panic": {
		files: map[string]string{"a/a_test.go": `func TestA(t *testing.T) { panic("boom") }`},
		code:  1,
		want:  []string{"boom", "0 passed, 1 failed, 0 skipped"},
	},
	"os.Exit in TestMain": {
		files: map[string]string{"a/a_test.go": `func TestMain(*testing.M) { println("no"); panic("cut") }`},
		code:  1,
		want:  []string{"cut", "0 passed, 1 failed, 0 skipped"},
	},
	"a broken go.mod": {
		files: map[string]string{"go.mod": "modul x\n"},
		code:  1,
		want:  []string{"0 passed, 1 failed, 0 skipped"},
	},
	"flags reach go test": {
		files: map[string]string{"a/a_test.go": `func TestA(t *testing.T) {}; func TestB(t *testing.T) {}`},
		flags: []string{"-run", "TestB"},
		want:  []string{"1 passed, 0 failed, 0 skipped"},
	},
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := module(t, c.files)
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{dir, "--"}, c.flags...), &stdout, &stderr)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("output lacks %q", want)
				}
			}
			if last := c.want[len(c.want)-1] + "\n"; !strings.HasSuffix("\n"+stdout.String(), "\n"+last) {
				t.Errorf("the last line is not %q", last)
			}
			if t.Failed() {
				t.Logf("stdout:\n%sstderr:\n%s", &stdout, &stderr)
			}
		})
	}
}

func TestRunWithoutModules(t *testing.T) {
	t.Parallel()
	if code := run(t.Context(), []string{"--", "-v"}, &bytes.Buffer{}, &bytes.Buffer{}); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
}

// module writes a module with files, which are given without their head.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/m\n\ngo 1.26\n")
	for name, text := range files {
		switch {
		case strings.HasSuffix(name, "_test.go"):
			text = "package p\n\nimport \"testing\"\n\n" + text + "\n"
		case strings.HasSuffix(name, ".go"):
			text = "package p\n" + text
		}
		write(name, text)
	}
	return dir
}
