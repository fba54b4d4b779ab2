package prove_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestCompilePasses: all objects pass the proof, and few objects of package compile are
// left out for it.
func TestCompilePasses(t *testing.T) {
	t.Parallel()
	tables, left := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		snapshot := compiletest.Either().Draw(t, "snapshot")
		all := compile.Compile(snapshot)
		result, _ := prove.Compile(snapshot)
		report := prove.Check(snapshot, &result)
		for _, f := range report.Failures {
			t.Logf("%s: %s", f.Object, f)
		}
		if len(report.Failures) > 0 {
			keep(t, snapshot, &result)
			t.Fatal("what was made does not pass")
		}
		tables, left = tables+len(all.Tables), left+len(all.Tables)-len(result.Tables)
	})
	t.Logf("%d of %d tables were left out", left, tables)
	if left*5 > tables {
		t.Errorf("%d of %d tables were left out: package compile makes too much that fails", left, tables)
	}
}

// keep writes a mesh into the folder OVERRIDES_KEEP, for debugging.
func keep(t *rapid.T, snapshot *model.Snapshot, result *compile.Result) {
	dir := os.Getenv("OVERRIDES_KEEP")
	if dir == "" {
		return
	}
	made, _, err := istio.Objects(result.Tables, result.SubsetRules)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, o := range made {
		data, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, "---\n"...), data...)
	}
	for name, data := range map[string][]byte{"users.yaml": compiletest.Manifests(snapshot), "made.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRefusedIsKept: a compiler that sends ordinary requests elsewhere is not followed,
// and the report says for each object what would have changed.
func TestRefusedIsKept(t *testing.T) {
	t.Parallel()
	snapshot := compiletest.Large(2, 2, 0)
	faulty := func(refused compile.Rejected) compile.Result {
		result := compile.Without(snapshot, refused)
		for i := range result.Tables {
			if table := &result.Tables[i]; table.Owner == snapshot.Services[0].Name {
				table.Routes[0].Destinations = []route.Destination{{Host: "elsewhere.example.com", Port: 80}}
			}
		}
		return result
	}
	result, report := prove.Made(snapshot, faulty)
	if len(result.Tables) != 1 || len(report.Failures) > 0 {
		t.Fatalf("%d tables and %d failures, want 1 and none", len(result.Tables), len(report.Failures))
	}
	want := snapshot.Services[0].Name + compile.ObjectSuffix
	if len(report.Refused) == 0 {
		t.Fatal("nothing is said about the table that is not made")
	}
	for _, f := range report.Refused {
		if f.Object.Name != want || f.Change == "" {
			t.Errorf("refused: %s: %s, want VirtualService %s with a change", f.Object, f, want)
		}
	}
}

// TestRefusedForSome: a table is refused for the callers it fails for before it is
// refused as a whole.
func TestRefusedForSome(t *testing.T) {
	t.Parallel()
	snapshot := compiletest.Large(2, 2, 0)
	snapshot.Namespaces = append(snapshot.Namespaces, "web")
	var first compile.Rejected
	rounds := 0
	prove.Made(snapshot, func(refused compile.Rejected) compile.Result {
		if rounds++; rounds == 2 {
			first = compile.Rejected{Namespaces: maps.Clone(refused.Namespaces), Objects: maps.Clone(refused.Objects)}
		}
		result := compile.Without(snapshot, refused)
		for i := range result.Tables {
			result.Tables[i].Routes[0].Destinations = []route.Destination{{Host: "elsewhere.example.com", Port: 80}}
		}
		return result
	})
	if len(first.Namespaces) != 2 || len(first.Objects) != 0 {
		t.Errorf("refused at first: for callers %v, as a whole %v, want 2 tables for callers", first.Namespaces, first.Objects)
	}
}

// TestRefusedForNothing: if a refused object is made nevertheless, nothing is made.
func TestRefusedForNothing(t *testing.T) {
	t.Parallel()
	snapshot := compiletest.Large(2, 2, 0)
	result, report := prove.Made(snapshot, func(compile.Rejected) compile.Result {
		result := compile.Compile(snapshot)
		result.Tables[0].Routes[0].Destinations = []route.Destination{{Host: "elsewhere.example.com", Port: 80}}
		return result
	})
	said := slices.ContainsFunc(result.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.OrdinaryTrafficWouldChange })
	if len(result.Tables)+len(result.SubsetRules)+len(report.Failures) > 0 || len(report.Refused) == 0 || !said {
		t.Errorf("%d tables, %d rules, %d failures, %d refused, said %t", len(result.Tables), len(result.SubsetRules), len(report.Failures), len(report.Refused), said)
	}
}

// TestDoorsOfSome: a table that only some callers see is not a pin for others.
func TestDoorsOfSome(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*route.Table)
		want   string
	}{
		{"everybody", func(*route.Table) {}, ""},
		{"one namespace", func(table *route.Table) { table.ExportTo = []string{"."} }, "namespaces that the input does not name"},
		{"one revision", func(table *route.Table) { table.Revision = "canary" }, "namespace shop and those that the input does not name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			snapshot := smallMesh()
			snapshot.VirtualServices, snapshot.DestinationRules, snapshot.ServiceEntries = nil, nil, nil
			snapshot.AllNamespaces, snapshot.Namespaces = false, []string{"shop"}
			snapshot.Services = snapshot.Services[:1]
			snapshot.Services[0].Backends = append(snapshot.Services[0].Backends, backend("cart-2", "cart", "v2"))
			result, _ := prove.Made(snapshot, func(refused compile.Rejected) compile.Result {
				result := compile.Without(snapshot, refused)
				test.change(&result.Tables[0])
				return result
			})
			want := compile.Door{Kind: compile.DoorSidecars, Name: "cart.shop.svc.cluster.local", Callers: test.want, Pinned: test.want == ""}
			if doors := result.Services[0].Doors; !slices.Contains(doors, want) {
				t.Errorf("doors %+v, want %+v", doors, want)
			}
		})
	}
}
