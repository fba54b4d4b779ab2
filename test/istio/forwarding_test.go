package istio_test

import (
	"os"
	"strings"
	"testing"

	"istio.io/istio/pilot/pkg/networking/core"
)

// TestForwardingInIstio: istiod accepts the filter that carries overrides through programs. It is the first
// of each HTTP connection that a sidecar of the namespace makes or receives, also in front of the filter of
// tokens, whichever of the two is older. Other sidecars, and older ones, don't have it.
func TestForwardingInIstio(t *testing.T) {
	services, err := os.ReadFile("testdata/access.yaml")
	if err != nil {
		t.Fatal(err)
	}
	at := func(filter, created string) string {
		return strings.Replace(filter, "metadata:\n", "metadata:\n  creationTimestamp: "+created+"\n", 1)
	}
	carried, tokens := validFilter(t, "carry/testdata/token.txtar"), validFilter(t, "access/testdata/from.txtar")
	validFilter(t, "carry/testdata/sidecar.txtar")
	for _, years := range [][2]string{{"2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"}, {"2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"}} {
		in := core.NewConfigGenTest(t, core.TestOptions{ConfigString: strings.Join([]string{string(services), at(carried, years[0]), at(tokens, years[1])}, "\n---\n")})
		for _, c := range []struct{ namespace, version, first string }{
			{"shop", "1.31.0", "overrides.forward overrides.carriers overrides.token"}, {"shop", "1.26.0", "overrides.forward overrides.carriers overrides.token"}, {"shop", "1.25.3", "overrides.remove "}, {"lab", "1.31.0", ""},
		} {
			for name, manager := range connections(t, listeners(in, c.namespace, c.version)) {
				var filters []string
				for _, f := range manager.GetHttpFilters() {
					filters = append(filters, f.GetName())
				}
				if got := strings.Join(filters, " "); !strings.HasPrefix(got, c.first) || c.first == "" && strings.Contains(got, "overrides.") || strings.Count(got, "overrides.forward") > 1 {
					t.Errorf("%s of %s in %s: %s, want %q in front", name, c.version, c.namespace, got, c.first)
				}
			}
		}
	}
}
