package examples_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/examples"
)

// TestChainIsWhole: every manifest of the folder is embedded.
func TestChainIsWhole(t *testing.T) {
	t.Parallel()
	want, err := fs.Glob(os.DirFS("."), "chain/*.y*ml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.Glob(examples.Chain, "chain/*")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Error(diff)
	}
}

// TestNextExists: what a service calls is one of the chain, and with the name
// that its file has.
func TestNextExists(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(examples.Chain, "chain/*")
	if err != nil {
		t.Fatal(err)
	}
	next := regexp.MustCompile(`value: http://([^/]+)/`)
	calls := 0
	for _, file := range files {
		data, err := examples.Chain.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range next.FindAllSubmatch(data, -1) {
			calls++
			if called := "chain/" + string(found[1]) + ".yaml"; !slices.Contains(files, called) {
				t.Errorf("%s calls %s, which is not there", file, found[1])
			}
		}
	}
	if calls != 12 {
		t.Errorf("%d workloads call another, want 12", calls)
	}
}
