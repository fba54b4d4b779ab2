package istio_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"golang.org/x/tools/txtar"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/wellknown"

	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// TestAccessInIstio: istiod accepts the filter of a namespace whose policy is in mode Token. Each HTTP
// connection of a sidecar there, made or received, has the filter of tokens, or, where the sidecar is
// too old for that, the script that removes overrides: never both, and in front of all others. A sidecar of
// another namespace has neither, and connections that are not HTTP are as they were.
func TestAccessInIstio(t *testing.T) {
	for _, file := range []string{"from", "closed"} {
		filter := validFilter(t, "access/testdata/"+file+".txtar")
		services, err := os.ReadFile("testdata/access.yaml")
		if err != nil {
			t.Fatal(err)
		}
		with := core.NewConfigGenTest(t, core.TestOptions{ConfigString: string(services) + "\n---\n" + filter})
		without := core.NewConfigGenTest(t, core.TestOptions{ConfigString: string(services)})
		for _, c := range []struct{ namespace, version, first string }{
			{"shop", "1.31.0", "overrides.carriers"}, {"shop", "1.26.0", "overrides.carriers"}, {"shop", "1.25.3", "overrides.remove"}, {"shop", "1.9.0", "overrides.remove"}, {"lab", "1.31.0", ""},
		} {
			filters := map[string]int{"overrides.carriers": 2, "overrides.remove": 1}[c.first] // one more for tokens
			if file == "closed" && c.first == "overrides.carriers" {
				filters = 1 // it only removes headers
			}
			early := 0
			if c.namespace == "shop" && c.first != "overrides.remove" {
				early = 1
			}
			got, before := connections(t, listeners(with, c.namespace, c.version)), connections(t, listeners(without, c.namespace, c.version))
			if len(got) < 4 || len(got) != len(before) {
				t.Fatalf("%s %s: %d HTTP connections, %d without the filter", file, c.version, len(got), len(before))
			}
			for name, manager := range got {
				ours := 0
				for _, f := range manager.GetHttpFilters() {
					if strings.HasPrefix(f.GetName(), "overrides.") {
						ours++
					}
				}
				first := manager.GetHttpFilters()[0].GetName()
				if n := len(manager.GetEarlyHeaderMutationExtensions()); n != early || ours != filters || c.first != "" && first != c.first {
					t.Errorf("%s, %s of %s in %s: %d changes of headers, %d filters, the first is %s; want %d, %d, %q", file, name, c.version, c.namespace, n, ours, first, early, filters, c.first)
				}
			}
		}
	}
}

// validFilter returns the filter that an archive wants, which istiod accepts.
func validFilter(t *testing.T, file string) string {
	t.Helper()
	archive, err := txtar.ParseFile("../../internal/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, filter, _ := strings.Cut(string(archive.Files[len(archive.Files)-1].Data), "---\n")
	report, err := validate.Objects([]byte(filter))
	if err != nil || len(report.Errors) > 0 {
		t.Fatalf("%s: %v %v", file, report.Errors, err)
	}
	return filter
}

// listeners returns those of a sidecar of a version of Istio.
func listeners(in *core.ConfigGenTest, namespace, version string) []*listenerv3.Listener {
	return in.Listeners(in.SetupProxy(&model.Proxy{
		ConfigNamespace: namespace, IPAddresses: []string{"10.1.1.1"}, IstioVersion: model.ParseIstioVersion(version),
		Metadata: &model.NodeMetadata{Namespace: namespace, IstioVersion: version},
	}))
}

// connections returns the filters of HTTP connections of a sidecar, by listener and chain.
func connections(t *testing.T, listeners []*listenerv3.Listener) map[string]*hcmv3.HttpConnectionManager {
	t.Helper()
	out := managers(t, listeners)
	for name := range out {
		if strings.HasPrefix(name, "virtualInbound ") {
			return out
		}
	}
	t.Fatal("no HTTP connection comes in")
	return nil
}

// managers returns the filters of HTTP connections of a proxy, by listener and chain.
func managers(t *testing.T, listeners []*listenerv3.Listener) map[string]*hcmv3.HttpConnectionManager {
	t.Helper()
	out := map[string]*hcmv3.HttpConnectionManager{}
	for _, l := range listeners {
		for i, chain := range slices.Concat(l.GetFilterChains(), []*listenerv3.FilterChain{l.GetDefaultFilterChain()}) {
			for _, f := range chain.GetFilters() {
				if f.GetName() != wellknown.HTTPConnectionManager {
					continue
				}
				manager := &hcmv3.HttpConnectionManager{}
				if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
					t.Fatal(err)
				}
				out[l.GetName()+" "+chain.GetName()+string(rune('a'+i))] = manager
			}
		}
	}
	return out
}
