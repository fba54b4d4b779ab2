// Package archivetest runs tests over archives of testdata: manifests and expected
// results, in one text.
package archivetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Each runs a test for each archive that matches a pattern, in parallel. The test's name
// is the file's without the part before the first "*".
func Each(t *testing.T, pattern string, test func(t *testing.T, file string, archive *txtar.Archive)) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	before, _, _ := strings.Cut(pattern, "*")
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, before), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			test(t, file, archive)
		})
	}
}

// Want compares the section want.txt of an archive, or writes it if update is set.
func Want(t *testing.T, update bool, file string, archive *txtar.Archive, got string) {
	t.Helper()
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" })
	if at < 0 {
		at = len(archive.Files)
		archive.Files = append(archive.Files, txtar.File{Name: "want.txt"})
	}
	if update {
		archive.Files[at].Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(archive.Files[at].Data), got); d != "" {
		t.Errorf("run with -update to accept (-want +got):\n%s", d)
	}
}

// InputAndWant returns the text of input.yaml. It stops a test whose archive has other
// sections than that and want.txt, in this order.
func InputAndWant(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	if len(archive.Files) != 2 || archive.Files[0].Name != "input.yaml" || archive.Files[1].Name != "want.txt" {
		t.Fatal("want input.yaml and want.txt, in this order")
	}
	return string(archive.Files[0].Data)
}
