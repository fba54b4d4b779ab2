package istio_test

import (
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/test/istio/manifest"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// TestIstioAcceptsWhatIsGenerated: property tests generate meshes that can exist. Objects
// that are generated as invalid are rejected.
func TestIstioAcceptsWhatIsGenerated(t *testing.T) {
	t.Parallel()
	generator := compiletest.Either()
	for seed := range 300 {
		for _, o := range istioObjects(t, compiletest.Manifests(generator.Example(seed))) {
			report, err := validate.Objects(o.YAML)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Errors) > 0 {
				t.Fatalf("seed %d: %v\n%s", seed, report.Errors, o.YAML)
			}
		}
	}
	generator = compiletest.Snapshot(compiletest.Refused)
	refused := 0
	for seed := range 100 {
		for _, o := range istioObjects(t, compiletest.Manifests(generator.Example(seed))) {
			if o.Metadata.Name != "refused" {
				continue
			}
			if report, err := validate.Objects(o.YAML); err != nil || len(report.Errors) == 0 {
				t.Fatalf("seed %d: is not refused: %v\n%s", seed, err, o.YAML)
			}
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing was generated as refused")
	}
}

// istioObjects returns the objects of manifests that Istio's webhook validates.
func istioObjects(t *testing.T, manifests []byte) []manifest.Object {
	t.Helper()
	objects, err := manifest.Split(manifests)
	if err != nil {
		t.Fatal(err)
	}
	var out []manifest.Object
	for _, o := range objects {
		if strings.HasPrefix(o.APIVersion, "networking.istio.io/") {
			out = append(out, o)
		}
	}
	return out
}
