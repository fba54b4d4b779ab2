package mesh_test

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

var update = flag.Bool("update", false, "rewrite the want.txt of testdata")

// TestGolden answers the questions of each testdata archive. The archive's comment is a
// rule of Istio, with its place in Istio's source. Its sections:
//
//	input.yaml   objects of users
//	ours.yaml    objects of Overrides: VirtualServices with headers as their only
//	             matches, and DestinationRules
//	asks         one question a line, see answerer.answer
//	want.txt     each question with its answer
//
// Module test/istio asks istiod the same.
func TestGolden(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", testArchive)
}

func testArchive(t *testing.T, file string, archive *txtar.Archive) {
	t.Helper()
	sections := map[string]string{}
	for _, f := range archive.Files {
		if !slices.Contains([]string{"input.yaml", "ours.yaml", "asks", "want.txt"}, f.Name) {
			t.Fatalf("section %s: nothing reads it", f.Name)
		}
		sections[f.Name] = string(f.Data)
	}
	m := mesh.New(archivetest.Snapshot(t, sections["input.yaml"]))
	a := &answerer{mesh: m}
	if text, ok := sections["ours.yaml"]; ok {
		a.tables, a.rules = ours(t, text)
		a.ours = m.Ours(a.tables, a.rules)
	}
	var got strings.Builder
	for line := range strings.Lines(sections["asks"]) {
		line = strings.TrimSpace(line)
		got.WriteString(line + "\n")
		for _, text := range a.answer(t, line) {
			got.WriteString("    " + text + "\n")
		}
	}
	archivetest.Want(t, *update, file, archive, got.String())
}

// ours returns manifests as objects that Overrides makes, with no route of a user.
func ours(t *testing.T, text string) ([]route.Table, []route.SubsetRule) {
	t.Helper()
	tables, rules := archivetest.Made(archivetest.Snapshot(t, text))
	for i := range tables {
		for j := range tables[i].Routes {
			tables[i].Routes[j].Base = nil
		}
	}
	return tables, rules
}
