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
