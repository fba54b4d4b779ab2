package mesh_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

var update = flag.Bool("update", false, "rewrite the want.txt of testdata")

// TestGolden answers the asks of each testdata archive, whose comment is a rule of
// Istio's with its place there. Its sections:
//
//	input.yaml   what users made
//	ours.yaml    what Overrides made: VirtualServices with headers as their only
//	             matches, and DestinationRules
//	asks         one a line, see answerer.answer
//	want.txt     each ask with its answer
//
// Module test/istio asks istiod the same.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			testArchive(t, file)
		})
	}
}

func testArchive(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		if !slices.Contains([]string{"input.yaml", "ours.yaml", "asks", "want.txt"}, f.Name) {
			t.Fatalf("section %s: nothing reads it", f.Name)
		}
		sections[f.Name] = string(f.Data)
	}
	m := mesh.New(read(t, sections["input.yaml"]))
	a := &answerer{mesh: m}
	if text, ok := sections["ours.yaml"]; ok {
		a.tables, a.rules = made(read(t, text))
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
	if *update {
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" })
		archive.Files = append(archive.Files, txtar.File{Name: "want.txt", Data: []byte(got.String())})
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(sections["want.txt"], got.String()); d != "" {
		t.Errorf("run with -update to accept (-want +got):\n%s", d)
	}
}

// read returns the snapshot of manifests.
func read(t *testing.T, text string) *model.Snapshot {
	t.Helper()
	objects := discover.Objects{}
	for i, document := range strings.Split("\n"+text, "\n---") {
		_, document, _ = strings.Cut(document, "\n")
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
		if string(object) == "null" {
			continue
		}
		for _, d := range objects.Decode(object, "default", diag.Origin{File: "input.yaml"}) {
			t.Logf("document %d: %v", i+1, d)
		}
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	return snapshot
}

// made returns objects as what Overrides makes.
func made(s *model.Snapshot) ([]route.Table, []route.SubsetRule) {
	var tables []route.Table
	for i := range s.VirtualServices {
		v := &s.VirtualServices[i]
		table := route.Table{
			Namespace: v.Namespace, Name: v.Name, Hosts: v.Spec.GetHosts(), ExportTo: v.Spec.GetExportTo(), Revision: v.Revision,
		}
		for _, h := range v.Spec.GetHttp() {
			row := route.Route{Name: h.GetName()}
			for _, m := range h.GetMatch() {
				match := route.Match{Headers: map[string]route.StringMatch{}}
				for name, s := range m.GetHeaders() {
					match.Headers[name] = route.StringMatch{Op: route.Exact, Value: s.GetExact()}
				}
				row.Matches = append(row.Matches, match)
			}
			for _, d := range h.GetRoute() {
				to := d.GetDestination()
				row.Destinations = append(row.Destinations, route.Destination{
					Host: to.GetHost(), Subset: to.GetSubset(), Port: to.GetPort().GetNumber(), Weight: d.GetWeight(),
				})
			}
			table.Routes = append(table.Routes, row)
		}
		tables = append(tables, table)
	}
	var rules []route.SubsetRule
	for i := range s.DestinationRules {
		d := &s.DestinationRules[i]
		rule := route.SubsetRule{
			Namespace: d.Namespace, Name: d.Name, Host: d.Spec.GetHost(), ExportTo: d.Spec.GetExportTo(), Revision: d.Revision, Policy: d.Spec.GetTrafficPolicy(),
		}
		for _, sub := range d.Spec.GetSubsets() {
			rule.Subsets = append(rule.Subsets, route.Subset{Name: sub.GetName(), Labels: sub.GetLabels(), Policy: sub.GetTrafficPolicy()})
		}
		rules = append(rules, rule)
	}
	return tables, rules
}
