package prove_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/prove/provetest"
)

// TestFaultsAreNotMade plants faults into the compiled objects: the proof notices each
// one, and the rest passes. The module test/istio checks with istiod that this is
// sufficient.
func TestFaultsAreNotMade(t *testing.T) {
	t.Parallel()
	for _, fault := range provetest.Faults() {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			planted, noticed := 0, 0
			rapid.Check(t, func(t *rapid.T) {
				snapshot := compiletest.Either().Draw(t, "snapshot")
				wrong := compile.Compile(snapshot)
				if !fault.Plant(&wrong) {
					return
				}
				planted++
				if report := prove.Check(snapshot, &wrong); len(report.Failures) > 0 {
					noticed++
				}
				result, _ := prove.Made(snapshot, func(refused compile.Rejected) compile.Result {
					made := compile.Without(snapshot, refused)
					fault.Plant(&made)
					return made
				})
				if report := prove.Check(snapshot, &result); len(report.Failures) > 0 {
					t.Fatalf("%d things that don't pass were made", len(report.Failures))
				}
			})
			// A fault that could rarely be planted may have changed nothing for any
			// caller: the tables of testdata have each by itself.
			if noticed == 0 && planted > 20 {
				t.Errorf("never noticed in %d meshes", planted)
			}
			t.Logf("noticed in %d of %d meshes", noticed, planted)
		})
	}
}
