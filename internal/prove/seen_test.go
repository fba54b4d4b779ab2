package prove_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
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
		// want is part of the only change that is found; empty for none.
		want string
	}{
		{"nothing", func(*model.Snapshot) {}, ""},
		{"a name of a route", func(s *model.Snapshot) { route(s).Name = "renamed" }, ""},
		{"a name of a subset", func(s *model.Snapshot) {
			s.DestinationRules[0].Spec.Subsets[0].Name = "one"
			route(s).Route[0].Destination.Subset = "one"
		}, ""},
		{"a pod's count", func(s *model.Snapshot) { s.Services[0].Backends[0].Pods = 5 }, ""},
		{"a timeout", func(s *model.Snapshot) { route(s).Timeout = durationpb.New(time.Second) }, "route 1: timeout would change"},
		{"a policy that says nothing", func(s *model.Snapshot) { route(s).CorsPolicy = &istioapi.CorsPolicy{} }, "route 1: cors_policy would change"},
		{"a policy", func(s *model.Snapshot) {
			s.DestinationRules[0].Spec.TrafficPolicy = &istioapi.TrafficPolicy{Tls: &istioapi.ClientTLSSettings{Mode: istioapi.ClientTLSSettings_SIMPLE}}
		}, "the policy of DestinationRules would change"},
		{"an empty policy", func(s *model.Snapshot) { s.DestinationRules[0].Spec.TrafficPolicy = &istioapi.TrafficPolicy{} }, ""},
		{"the last route", func(s *model.Snapshot) {
			spec := s.VirtualServices[0].Spec
			spec.Http = spec.GetHttp()[:1]
		}, "route 2 would be missing"},
		{"one route more", func(s *model.Snapshot) {
			spec := s.VirtualServices[0].Spec
			spec.Http[1].Match = []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: "/b"}}}}
		}, "would take other requests"},
		{"another public name", func(s *model.Snapshot) {
			s.VirtualServices[0].Spec.Hosts = []string{"cart", "shop.example.com"}
		}, "requests have no route now, and would take the routes of VirtualService shop/cart"},
		{"a Service that is gone", func(s *model.Snapshot) { s.Services = s.Services[:3] }, "it would be gone"},
		{"a Service that is new", func(s *model.Snapshot) {
			s.Services = append(s.Services, model.Service{Namespace: "shop", Name: "blog"})
		}, "it would be new"},
		{"an isolated version that is new", func(s *model.Snapshot) {
			s.Services = append(s.Services, model.Service{Namespace: "shop", Name: "cart-next", VersionOf: "cart"})
		}, ""},
		{"a destination that is gone", func(s *model.Snapshot) { s.ServiceEntries = nil }, "requests would be distributed differently among the pods of pay.example.com:80"},
		{"where copies arrive", func(s *model.Snapshot) { s.Services[1].Backends[0].Workload.Name = "other" }, "copies of ordinary requests on route 1 would reach Deployment/other"},
		{"pods of a destination without weight", func(s *model.Snapshot) {
			route(s).Route[0].Weight, route(s).Route[1].Weight = 0, 100
		}, "no requests would go to cart.shop.svc.cluster.local:80"},
		{"retries", func(s *model.Snapshot) { route(s).Retries = &istioapi.HTTPRetry{Attempts: 7} }, "retries would change"},
		{"retries of the mesh", func(s *model.Snapshot) { s.Mesh.Retries = &istioapi.HTTPRetry{Attempts: 7} }, "retries would change"},
		{"a match", func(s *model.Snapshot) { route(s).Match[0].IgnoreUriCase = true }, "would take other requests"},
		{"weights", func(s *model.Snapshot) { route(s).Route[0].Weight, route(s).Route[1].Weight = 80, 20 }, "requests would be distributed differently"},
		{"another destination", func(s *model.Snapshot) { route(s).Route[1].Destination.Host = "cart" }, "requests would"},
		{"a subset's labels", func(s *model.Snapshot) { s.DestinationRules[0].Spec.Subsets[0].Labels["track"] = "a" }, "requests would be distributed differently"},
		{"a subset's policy", func(s *model.Snapshot) {
			s.DestinationRules[0].Spec.Subsets[0].TrafficPolicy = &istioapi.TrafficPolicy{Tls: &istioapi.ClientTLSSettings{Mode: istioapi.ClientTLSSettings_SIMPLE}}
		}, "requests would be distributed differently"},
		{"a subset that is gone", func(s *model.Snapshot) { s.DestinationRules[0].Spec.Subsets = nil }, "requests would be distributed differently"},
		{"copies", func(s *model.Snapshot) { route(s).Mirrors = nil }, "mirrors would change"},
		{"where copies go", func(s *model.Snapshot) { route(s).Mirrors[0].Destination.Host = "cart" }, "other mirrored requests would go to"},
		{"how many copies", func(s *model.Snapshot) { route(s).Mirrors[0].Percentage = &istioapi.Percent{Value: 3} }, "the mirrored share of requests"},
		{"labels of pods", func(s *model.Snapshot) { s.Services[0].Backends[0].Labels["app.kubernetes.io/name"] = "b" }, "reach pods of Deployment/cart with other labels (app.kubernetes.io/name)"},
		{"a workload", func(s *model.Snapshot) { s.Services[0].Backends[0].Workload.Name = "cart-blue" }, "reach Deployment/cart-blue, and no longer reach Deployment/cart"},
		{"who sees routes", func(s *model.Snapshot) { s.VirtualServices[0].Spec.ExportTo = []string{"."} }, "route"},
		{"what proxies import", func(s *model.Snapshot) {
			s.Sidecars = []model.Sidecar{{Namespace: "shop", Name: "default", Spec: &istioapi.Sidecar{
				Egress: []*istioapi.IstioEgressListener{{Hosts: []string{"./cart.shop.svc.cluster.local"}}},
			}}}
		}, "would have no route"},
		{"a port's protocol", func(s *model.Snapshot) { s.Services[1].Ports[0].HTTP = false }, "port 80 would carry a protocol other than HTTP instead of HTTP"},
		{"a workload on a port without HTTP", func(s *model.Snapshot) { s.Services[2].Backends[0].Workload.Name = "other" }, "connections that don't carry HTTP would reach Deployment/other"},
		{"what a name stands for", func(s *model.Snapshot) { s.Services[3].ExternalName = "b.example.com" }, "it would be an alias of another host"},
		{"a ServiceEntry", func(s *model.Snapshot) { s.ServiceEntries[0].Spec.Resolution = istioapi.ServiceEntry_DNS }, "the ServiceEntry shop/pay would change"},
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

// TestWeightOfNothing: pods of a destination with weight 0 don't matter.
func TestWeightOfNothing(t *testing.T) {
	t.Parallel()
	before, after := smallMesh(), smallMesh()
	for _, s := range []*model.Snapshot{before, after} {
		s.VirtualServices[1].Revision = ""
		http := s.VirtualServices[1].Spec.GetHttp()[0]
		http.Route = append(http.Route, &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: "idle"}})
		http.Route[0].Weight = 100
		s.Services = append(s.Services, model.Service{Namespace: "shop", Name: "idle", VersionOf: "cart", Ports: s.Services[0].Ports, Backends: []model.Backend{{
			Workload: model.Workload{Kind: "Deployment", Name: "idle"}, Labels: map[string]string{"app": "idle"},
		}}})
	}
	after.Services[4].Backends[0].Workload.Name = "other"
	for _, c := range prove.Changes(stateOf(before), stateOf(after)).Changes {
		t.Errorf("%s: %s", c.Host, c.Change)
	}
}

// TestDoorsThatOpen: a door other than sidecars is reported once it is not pinned, and so
// is an object that differs and is not compared.
func TestDoorsThatOpen(t *testing.T) {
	t.Parallel()
	after := smallMesh()
	cart := &after.Services[0]
	cart.Backends = append(cart.Backends, model.Backend{
		Workload: model.Workload{Kind: "Deployment", Name: "cart-next"}, Labels: map[string]string{"app": "cart", "version": "v2"}, Pods: 1, Ready: 1,
	})
	cart.Reachable = []string{"NodePort 30080"}
	before := smallMesh()
	for _, s := range []*model.Snapshot{before, after} {
		s.AllNamespaces = false // so that callers elsewhere are not pinned, like each class of them
	}
	after.VirtualServices = append(after.VirtualServices, model.VirtualService{Namespace: "shop", Name: "edge", Spec: &istioapi.VirtualService{
		Hosts: []string{"shop.example.com"}, Gateways: []string{"edge"},
	}})
	d := prove.Changes(stateOf(before), stateOf(after))
	if len(d.Opened) != 1 || d.Opened[0].Door.Name != "NodePort 30080" || d.Opened[0].Service.Name != "cart" {
		t.Errorf("opened %v, want the NodePort of cart", d.Opened)
	}
	if len(d.NotCompared) != 1 || d.NotCompared[0].Name != "edge" {
		t.Errorf("not compared: %v, want VirtualService edge", d.NotCompared)
	}
	if same := prove.Changes(stateOf(after), stateOf(after)); len(same.Opened)+len(same.NotCompared) > 0 {
		t.Errorf("opened %v, not compared %v, want nothing", same.Opened, same.NotCompared)
	}
}

// smallMesh is a Service with a user's routes for the istiod without a revision, other
// Services that these lead to, and one of each kind that is compared separately.
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
