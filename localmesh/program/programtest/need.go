package programtest

import (
	"os"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

// Wanted reports whether nothing may be skipped for want of a program: whether
// OVERRIDES_CLUSTER is set.
func Wanted() bool { return os.Getenv("OVERRIDES_CLUSTER") != "" }

// Need skips t where programs of modules would have to be built first, unless
// that is wanted.
func Need(t *testing.T, modules ...program.Module) {
	t.Helper()
	for _, module := range modules {
		if _, built := program.Built(module); !built && !Wanted() {
			t.Skipf("the programs of %s are not built: run `make test-cluster`, or set OVERRIDES_CLUSTER=1", module.Name)
		}
	}
}
