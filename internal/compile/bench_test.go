package compile_test

import (
	"fmt"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/istio"
)

func BenchmarkCompile(b *testing.B) {
	for _, size := range []struct{ services, versions int }{{10, 10}, {100, 10}, {1000, 10}, {10000, 10}} {
		b.Run(fmt.Sprintf("services=%d/versions=%d", size.services, size.versions), func(b *testing.B) {
			snapshot := compiletest.Large(size.services, size.versions, 0)
			b.ReportAllocs()
			for b.Loop() {
				if result := compile.Compile(snapshot); len(result.Tables) != size.services {
					b.Fatalf("%d tables", len(result.Tables))
				}
			}
		})
	}
}

// BenchmarkPrint is what generate adds to BenchmarkCompile: objects, as YAML.
func BenchmarkPrint(b *testing.B) {
	result := compile.Compile(compiletest.Large(1000, 10, 0))
	b.ReportAllocs()
	for b.Loop() {
		objects, _, err := istio.Objects(result.Tables, result.SubsetRules)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range objects {
			if _, err := o.YAML(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
