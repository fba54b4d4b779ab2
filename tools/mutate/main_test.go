package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun runs the mutants of a small module: all of them, then one, while the page keeps
// the lines of the others.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want, err := os.ReadFile("testdata/want.md")
	if err := errors.Join(err, os.CopyFS(dir, os.DirFS("testdata/module")), os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page.md")
	for _, args := range [][]string{{"-first", "TestOther"}, {"-run", "^held$"}} {
		if code := run(t.Context(), append(args, "-o", page, dir, "a"), t.Output(), t.Output()); code != 1 {
			t.Errorf("%q: exit code %d", args, code)
		}
		got, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(got), string(want)) || !strings.Contains(string(got), "\n4 rules, 3 of them") {
			t.Errorf("%q: got %s", args, got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := parse("what it is\n-- a.go: one --\nif x {\n=>\nif !x {\n-- b.go: two --\n\treturn\n=>\n\n")
	want := []mutant{{"one", "a.go", "if x {", "if !x {"}, {"two", "b.go", "\treturn", ""}}
	if err != nil || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := parse("-- a.go: one --\nif x {\n"); err == nil {
		t.Error("a mutant without => is read")
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"ok": "SURVIVED",
		"--- FAIL: Test7 (0.0s)\n    --- FAIL: Test7/TestA (0.0s)\n        --- FAIL: Test7/TestA/b (0.0s)\nFAIL": "TestA/b",
		"panic: oh": "a panic, or a test that does not end",
	} {
		if got, _ := verdict([]byte(said), said == "ok"); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	r := &runner{count: 2, alive: 1}
	r.table.WriteString("\n## internal/a\n\n| rule | file | killed by |\n|---|---|---|\n| one: \"*\" | a.go | TestA/b |\n| two | a.go | SURVIVED |\n")
	got := lines(r.document())
	for rule, killed := range map[string]bool{"one: \"*\"": true, "two": false, "three": false} {
		if o := keep(got[line{"internal/a", rule, "a.go"}]); o.killed != killed {
			t.Errorf("%s: %+v of %v", rule, o, got)
		}
	}
}

func TestCalledWrongly(t *testing.T) {
	t.Parallel()
	if code := run(t.Context(), []string{"."}, io.Discard, io.Discard); code != 2 {
		t.Errorf("exit code %d", code)
	}
}
