package istio_test

import (
	"flag"
	"os"
	"testing"

	istiolog "istio.io/istio/pkg/log"
	"pgregory.net/rapid"
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

// slowMeshes is how many meshes of the default number a property checks for which istiod's
// controller of the Gateway API must start, which takes half a second.
const slowMeshes = 60

// checkSlowly is check with fewer meshes, unless the command line asks for a number.
func checkSlowly(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	all := flag.Lookup("rapid.checks").Value.String() != meshes
	n, failed := 0, false
	check(t, func(t *rapid.T) {
		if n++; n > slowMeshes && !all && !failed {
			return
		}
		defer func() { failed = failed || t.Failed() }()
		property(t)
	})
}
