package prove_test

import (
	"fmt"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// BenchmarkProof compares compiling alone with compiling and proving, for Services of
// ten versions of which none, a tenth, or all have objects of their users.
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
