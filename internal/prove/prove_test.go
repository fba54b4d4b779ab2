package prove_test

import (
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestCompilePasses: what is made passes the proof, and little of what package compile
// would make has to be left out for it.
func TestCompilePasses(t *testing.T) {
	t.Parallel()
	tables, left := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		snapshot := compiletest.Snapshot().Draw(t, "snapshot")
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

// keep writes a mesh into the folder that OVERRIDES_KEEP names, to look at it.
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

// TestRefusedIsKept: a compiler that leads ordinary requests elsewhere is not followed,
// and the report says for each object what would have changed.
func TestRefusedIsKept(t *testing.T) {
	t.Parallel()
	snapshot := compiletest.Large(2, 2, 0)
	faulty := func(refused compile.Refused) compile.Result {
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
