package prove_test

import (
	"fmt"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// BenchmarkProof compares compiling alone with compiling and proving, for Services of ten
// versions. None, a tenth, or all of them have objects of their users.
func BenchmarkProof(b *testing.B) {
	for _, services := range []int{10, 100, 1000, 10000} {
		for _, percent := range []int{0, 10, 100} {
			snapshot := compiletest.Large(services, 10, percent)
			name := fmt.Sprintf("services=%d/users=%d%%", services, percent)
			b.Run(name+"/without", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if result := compile.Compile(snapshot); len(result.Tables) != services {
						b.Fatalf("%d tables", len(result.Tables))
					}
				}
			})
			b.Run(name+"/with", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if result, _ := prove.Compile(snapshot); len(result.Tables) != services {
						b.Fatalf("%d tables", len(result.Tables))
					}
				}
			})
		}
	}
}

// BenchmarkChanges compares two states, one of which has one more version of each
// Service.
func BenchmarkChanges(b *testing.B) {
	for _, services := range []int{100, 1000} {
		for _, percent := range []int{0, 10} {
			snapshots := [2]*model.Snapshot{compiletest.Large(services, 9, percent), compiletest.Large(services, 10, percent)}
			for _, s := range snapshots {
				s.AllNamespaces = true
			}
			before, after := stateOf(snapshots[0]), stateOf(snapshots[1])
			b.Run(fmt.Sprintf("services=%d/users=%d%%", services, percent), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if d := prove.Changes(before, after); len(d.Changes) > 0 {
						b.Fatalf("%s: %s", d.Changes[0].Host, d.Changes[0].Change)
					}
				}
			})
		}
	}
}
