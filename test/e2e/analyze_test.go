package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// analyze returns istioctl's messages about a world.
func analyze(t *testing.T, d *stage.Deployment) []stage.Message {
	t.Helper()
	messages, err := d.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// duplicateHost is istioctl's code for two VirtualServices for one host.
const duplicateHost = "IST0109"

// testAnalyze compares the new messages of istioctl analyze, with the objects of
// Overrides in force, with those that docs/conformance.md explains: adopted
// VirtualServices exist beside the user's.
func testAnalyze(t *testing.T, d *stage.Deployment, before []stage.Message) {
	t.Helper()
	var want, got []string
	for _, table := range d.Oracle().Result.Tables {
		for _, user := range table.Adopted {
			want = append(want, duplicateHost+" VirtualService "+user, duplicateHost+" VirtualService "+name(&table))
		}
	}
	for _, m := range analyze(t, d) {
		if !slices.ContainsFunc(before, func(b stage.Message) bool { return b.String() == m.String() }) {
			got = append(got, m.String())
			t.Logf("%s %s: %s", m.Level, m, m.Message)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("istioctl analyze says something else than docs/conformance.md explains (-explained +said):\n%s", diff)
	}
}

func name(t *route.Table) string { return t.Namespace + "/" + t.Name }

// TestExplained compares the messages that the tests expect with those that the docs
// explain.
func TestExplained(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile(filepath.Join(root, "docs/conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(IST[0-9]+)` \\| .+ \\|$").FindAllStringSubmatch(string(docs), -1) {
		explained = append(explained, row[1])
	}
	if diff := cmp.Diff([]string{duplicateHost}, explained); diff != "" {
		t.Errorf("docs/conformance.md explains other messages than are expected (-expected +explained):\n%s", diff)
	}
}
