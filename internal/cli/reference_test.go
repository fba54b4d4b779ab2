package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/cli"
)

// TestReferenceIsCurrent: the committed pages are those that the code generates.
func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	for name, want := range cli.Reference() {
		got, err := os.ReadFile(filepath.Join("../../docs/reference", name))
		if err != nil {
			t.Errorf("%v; run make generate", err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/reference/%s is not current, run make generate (-code +file):\n%s", name, diff)
		}
	}
}
