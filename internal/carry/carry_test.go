package carry_test

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/carry"
)

var update = flag.Bool("update", false, "rewrite what the archives want")

// TestMake compares the filters of each archive's policies.
func TestMake(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		made, err := carry.Make(archivetest.Snapshot(t, string(archive.Files[0].Data)))
		if err != nil {
			t.Fatal(err)
		}
		archivetest.Want(t, *update, file, archive, archivetest.YAML(t, made))
	})
}
