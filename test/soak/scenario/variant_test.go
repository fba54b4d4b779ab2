package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/soak/variant"
)

const (
	// allVariable makes all scripts run in all modes of the operator.
	allVariable = "OVERRIDES_SCENARIOS"
	// system is the namespace of the operator in config/install.
	system = "overrides-system"
)

// slice has the scripts that run in all modes anyway: one in which the released version
// changes, and one in which a rule hides subsets and reveals them.
var slice = []string{"testdata/a1-pin-to-unready.txtar", "testdata/a6-callers-rule.txtar"}

// mode is a mode of the operator.
type mode struct {
	name string
	// flags prepares the mesh, and returns the operator's flags.
	flags func(context.Context, *localmesh.Mesh) ([]string, error)
	// used is a metric that is above 0 if the mode had an effect.
	used string
	// all says that all scripts always run.
	all bool
}

// modes are the default operator, with the readiness gate, and with questions to istiod.
func modes() []mode {
	return []mode{
		{name: "Beside", all: true},
		{name: "Gate", used: `overrides_gate_opened_total{reason="Pinned"}`, flags: func(ctx context.Context, mesh *localmesh.Mesh) ([]string, error) {
			return variant.Gate(ctx, mesh, filepath.Join(root, "config/install/readiness-gate.yaml"), system)
		}},
		{name: "IstiodSync", used: `overrides_istiod_rounds_total{result="done"}`, flags: variant.IstiodSync},
	}
}

// play runs one operator in a mode, and scripts beside it.
func (m *mode) play(t *testing.T, mesh *localmesh.Mesh, o *operator) {
	t.Helper()
	if m.flags != nil {
		var err error
		if o.flags, err = m.flags(t.Context(), mesh); err != nil {
			t.Fatal(err)
		}
	}
	counts := &tally{}
	// The scripts continue after this function has returned.
	t.Cleanup(func() {
		t.Logf("%s:\n%s", m.name, counts)
		ctx := context.WithoutCancel(t.Context())
		if m.used != "" {
			if n, err := o.metric(ctx, m.used); err != nil || n == 0 {
				t.Errorf("%s is %v, %v: was the operator run as %s?", m.used, n, err, m.name)
			}
		}
		o.end(t)
		gates := mesh.Kubernetes().AdmissionregistrationV1().MutatingWebhookConfigurations()
		if err := gates.Delete(ctx, "overrides-readiness-gate", metav1.DeleteOptions{}); err != nil && m.name == "Gate" {
			t.Error(err)
		}
	})
	o.await(t)
	scripts := testscript.Params{Dir: "testdata"}
	if !m.all && os.Getenv(allVariable) == "" {
		scripts = testscript.Params{Files: slice}
	}
	testscript.Run(t, params(mesh, o, m.name, counts, scripts))
}
