package istio_test

import (
	"flag"
	"os"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

// meshes is how many are generated for each property where the command line does not
// say. make prove-long makes more.
const meshes = "300"

// seed is where generation begins where the command line does not say, so that a change
// is judged by itself. make prove-long begins somewhere else each time, and looks for
// what is not known yet.
const seed = "20261129"

// TestMain silences istiod, which has much to say about each mesh.
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
