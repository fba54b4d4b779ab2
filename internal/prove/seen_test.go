package prove_test

import (
	"strings"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// TestChangesAreSeen changes one thing of a small mesh at a time.
func TestChangesAreSeen(t *testing.T) {
	t.Parallel()
	route := func(s *model.Snapshot) *istioapi.HTTPRoute { return s.VirtualServices[0].Spec.GetHttp()[0] }
	tests := []struct {
		name   string
		change func(*model.Snapshot)
		// want is in the only change that is found; empty for none.
		want string
	}{
		{"nothing", func(*model.Snapshot) {}, ""},
		{"a name of a route", func(s *model.Snapshot) { route(s).Name = "renamed" }, ""},
		{"a name of a subset", func(s *model.Snapshot) {
			s.DestinationRules[0].Spec.Subsets[0].Name = "one"
			route(s).Route[0].Destination.Subset = "one"
		}, ""},
		{"a pod's count", func(s *model.Snapshot) { s.Services[0].Backends[0].Pods = 5 }, ""},
		{"retries", func(s *model.Snapshot) { route(s).Retries = &istioapi.HTTPRetry{Attempts: 7} }, "retries would be others"},
		{"retries of the mesh", func(s *model.Snapshot) { s.Mesh.Retries = &istioapi.HTTPRetry{Attempts: 7} }, "retries would be others"},
		{"a match", func(s *model.Snapshot) { route(s).Match[0].IgnoreUriCase = true }, "would be taken by other requests"},
		{"weights", func(s *model.Snapshot) { route(s).Route[0].Weight, route(s).Route[1].Weight = 80, 20 }, "requests would be divided otherwise"},
		{"another destination", func(s *model.Snapshot) { route(s).Route[1].Destination.Host = "cart" }, "requests would"},
		{"a subset's labels", func(s *model.Snapshot) { s.DestinationRules[0].Spec.Subsets[0].Labels["track"] = "a" }, "requests would be divided otherwise"},
		{"a subset's policy", func(s *model.Snapshot) {
			s.DestinationRules[0].Spec.Subsets[0].TrafficPolicy = &istioapi.TrafficPolicy{Tls: &istioapi.ClientTLSSettings{Mode: istioapi.ClientTLSSettings_SIMPLE}}
		}, "requests would be divided otherwise"},
		{"a subset that is gone", func(s *model.Snapshot) { s.DestinationRules[0].Spec.Subsets = nil }, "requests would be divided otherwise"},
		{"copies", func(s *model.Snapshot) { route(s).Mirrors = nil }, "other copies of requests would be made"},
		{"where copies go", func(s *model.Snapshot) { route(s).Mirrors[0].Destination.Host = "cart" }, "other copies of requests would go to"},
		{"how many copies", func(s *model.Snapshot) { route(s).Mirrors[0].Percentage = &istioapi.Percent{Value: 3} }, "another share of requests"},
		{"labels of pods", func(s *model.Snapshot) { s.Services[0].Backends[0].Labels["team"] = "b" }, "reach pods of Deployment/cart with other labels"},
		{"a workload", func(s *model.Snapshot) { s.Services[0].Backends[0].Workload.Name = "cart-blue" }, "reach Deployment/cart-blue, and not reach Deployment/cart any more"},
		{"who sees routes", func(s *model.Snapshot) { s.VirtualServices[0].Spec.ExportTo = []string{"."} }, "route"},
		{"what proxies import", func(s *model.Snapshot) {
			s.Sidecars = []model.Sidecar{{Namespace: "shop", Name: "default", Spec: &istioapi.Sidecar{
				Egress: []*istioapi.IstioEgressListener{{Hosts: []string{"./cart.shop.svc.cluster.local"}}},
			}}}
		}, "would be nothing"},
		{"a port's protocol", func(s *model.Snapshot) { s.Services[1].Ports[0].HTTP = false }, "port 80 would carry what is not HTTP instead of HTTP"},
		{"a workload on a port without HTTP", func(s *model.Snapshot) { s.Services[2].Backends[0].Workload.Name = "other" }, "connections that carry no HTTP would reach Deployment/other"},
		{"what a name stands for", func(s *model.Snapshot) { s.Services[3].ExternalName = "b.example.com" }, "it would stand for another host"},
		{"a ServiceEntry", func(s *model.Snapshot) { s.ServiceEntries[0].Spec.Resolution = istioapi.ServiceEntry_DNS }, "the ServiceEntry shop/pay would be another"},
		{"a revision of callers", func(s *model.Snapshot) { s.Revisions = map[string]string{"shop": "canary"} }, "route"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			after := smallMesh()
			test.change(after)
			d := prove.Changes(stateOf(smallMesh()), stateOf(after))
			if test.want == "" && len(d.Changes) > 0 {
				t.Errorf("%s: %s, want no change", d.Changes[0].Host, d.Changes[0].Change)
			}
			found := false
			for _, c := range d.Changes {
				t.Logf("%s: %s, for %v", c.Host, c.Change, c.Callers)
				found = found || strings.Contains(c.Change, test.want)
			}
			if test.want != "" && !found {
				t.Errorf("no change says %q", test.want)
			}
		})
	}
}

// smallMesh is a Service with routes of a user's for the istiod of no revision, others
// that these lead to, and one of each kind that is compared by itself.
func smallMesh() *model.Snapshot {
	service := func(name string, port model.Port) model.Service {
		return model.Service{Namespace: "shop", Name: name, Selector: map[string]string{"app": name}, Ports: []model.Port{port}, Backends: []model.Backend{{
			Workload: model.Workload{Kind: "Deployment", Name: name}, Labels: map[string]string{"app": name, "version": "v1"}, Pods: 1, Ready: 1,
		}}}
	}
	http := model.Port{Name: "http", Number: 80, HTTP: true}
	to := func(host, subset string, weight int32) *istioapi.HTTPRouteDestination {
		return &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: host, Subset: subset}, Weight: weight}
	}
	return &model.Snapshot{
		Options: model.DefaultOptions(), Namespaces: []string{"shop", "web"}, AllNamespaces: true,
		Services: []model.Service{
			service("cart", http), service("mirror", http), service("db", model.Port{Name: "tcp", Number: 5432}),
			{Namespace: "shop", Name: "outside", ExternalName: "a.example.com", Ports: []model.Port{http}},
		},
		VirtualServices: []model.VirtualService{
			{Namespace: "shop", Name: "cart", Spec: &istioapi.VirtualService{Hosts: []string{"cart"}, Http: []*istioapi.HTTPRoute{
				{
					Match:   []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: "/a"}}}},
					Route:   []*istioapi.HTTPRouteDestination{to("cart", "v1", 90), to("pay.example.com", "", 10)},
					Mirrors: []*istioapi.HTTPMirrorPolicy{{Destination: &istioapi.Destination{Host: "mirror"}}},
				},
				{Route: []*istioapi.HTTPRouteDestination{to("cart", "", 0)}},
			}}},
			{Namespace: "shop", Name: "early", Revision: "canary", Spec: &istioapi.VirtualService{
				Hosts: []string{"mirror"}, Http: []*istioapi.HTTPRoute{{Route: []*istioapi.HTTPRouteDestination{to("cart", "", 0)}}},
			}},
		},
		DestinationRules: []model.DestinationRule{{Namespace: "shop", Name: "cart", Spec: &istioapi.DestinationRule{
			Host: "cart", Subsets: []*istioapi.Subset{{Name: "v1", Labels: map[string]string{"version": "v1"}}},
		}}},
		ServiceEntries: []model.ServiceEntry{{Namespace: "shop", Name: "pay", Spec: &istioapi.ServiceEntry{
			Hosts: []string{"pay.example.com"}, Ports: []*istioapi.ServicePort{{Number: 80, Name: "http", Protocol: "HTTP"}},
		}}},
		Revisions: map[string]string{"shop": "default"},
	}
}
