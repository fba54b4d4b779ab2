package programtest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

// Target is a target of make. It sets a variable for its tests: with it, none may be
// skipped because a program is missing.
type Target struct{ name, variable string }

var (
	// Cluster is for tests that start a control plane.
	Cluster = Target{"test-cluster", "OVERRIDES_CLUSTER"}
	// E2E is for tests that send requests in a mesh.
	E2E = Target{"e2e", "OVERRIDES_E2E"}
)

// Wanted reports whether no test may be skipped because a program is missing: whether the
// target's variable is set.
func (g Target) Wanted() bool { return os.Getenv(g.variable) != "" }

// Need skips tb if programs of modules would have to be built first, unless they are
// wanted.
func (g Target) Need(tb testing.TB, modules ...program.Module) {
	tb.Helper()
	for _, module := range modules {
		if _, built := program.Built(module); !built && !g.Wanted() {
			tb.Skipf("the programs of %s are not built: run `make %s`, or set %s=1", module.Name, g.name, g.variable)
		}
	}
}

// Envoy returns the path of an Envoy: $ENVOY, or the one on the PATH. If there is none,
// it skips t, or fails it if the target is wanted.
func (g Target) Envoy(t *testing.T) string {
	t.Helper()
	name := os.Getenv("ENVOY")
	if name == "" {
		name = "envoy"
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if g.Wanted() {
		t.Fatalf("there is no Envoy: set ENVOY, or run `make %s`", g.name)
	}
	t.Skipf("there is no Envoy: set ENVOY, or run `make %s`", g.name)
	return ""
}
