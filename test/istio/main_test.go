package istio_test

import (
	"flag"
	"os"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

// meshes is the default number of generated meshes for each property. make prove-long
// generates more.
const meshes = "300"

// seed is the default seed of generation, so that the result depends only on the change
// under test. make prove-long uses a new seed each time, to find new cases.
const seed = "20261129"

// TestMain silences istiod, which logs much about each mesh.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": meshes, "rapid.seed": seed} {
		if f := flag.Lookup(name); f != nil {
			_ = f.Value.Set(value) // before the command line is read
		}
	}
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}
