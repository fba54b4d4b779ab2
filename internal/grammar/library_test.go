package grammar_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the copy of this package in pkg/override")

const (
	library   = "../../pkg/override/internal/grammar"
	generated = "// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.\n\n"
)

// notInLibrary are files about tokens, which services do not read.
var notInLibrary = []string{"glob.go", "grant.go"}

// TestLibrary compares the copy of this package in pkg/override with it. The library needs
// the grammar, and can't require this module: services would inherit its requirements and
// its Go version.
func TestLibrary(t *testing.T) {
	t.Parallel()
	want := sources(t, ".")
	for name, content := range want {
		if strings.HasSuffix(name, "_test.go") || slices.Contains(notInLibrary, name) {
			delete(want, name)
			continue
		}
		want[name] = generated + content
	}
	if *update {
		rewrite(t, want)
	}
	if diff := cmp.Diff(want, sources(t, library)); diff != "" {
		t.Errorf("pkg/override/internal/grammar is not this package; run this test with -update (-want +got):\n%s", diff)
	}
}

// sources returns the contents of a folder's Go files by name.
func sources(t *testing.T, folder string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = string(content)
	}
	return out
}

func rewrite(t *testing.T, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(library); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(library, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(library, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
