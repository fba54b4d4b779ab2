package main

import (
	"io"
	"testing"
)

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
		"--- FAIL: TestA (0.0s)\n    --- FAIL: TestA/b (0.0s)\nFAIL": "TestA/b",
		"FAIL\tx [build failed]":                                     "NOT APPLIED: does not build",
		"panic: oh":                                                  "a panic, or a test that does not end",
	} {
		if got, _ := verdict([]byte(said), said == "ok"); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

func TestCalledWrongly(t *testing.T) {
	t.Parallel()
	if code := run(t.Context(), []string{"."}, io.Discard, io.Discard); code != 2 {
		t.Errorf("exit code %d", code)
	}
}
