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

// TestMain silences istiod, which has much to say about each mesh.
func TestMain(m *testing.M) {
	if f := flag.Lookup("rapid.checks"); f != nil {
		_ = f.Value.Set(meshes) // before the command line is read
	}
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}
