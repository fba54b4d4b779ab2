package prove_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// TestChangesOfMeshes changes one thing of a mesh that adds something to the small one.
func TestChangesOfMeshes(t *testing.T) {
	t.Parallel()
	for _, test := range slices.Concat(changesOfRoutes, changesOfCallers, changesOfPods) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before, after := smallMesh(), smallMesh()
			test.both(before)
			test.both(after)
			test.change(after)
			d := prove.Changes(stateOf(before), stateOf(after))
			for _, c := range d.Changes {
				if !strings.Contains(c.Change, test.want) || test.want == "" {
					t.Errorf("%s: %s, for %v", c.Host, c.Change, c.Callers)
				}
			}
			if test.want != "" && len(d.Changes) == 0 {
				t.Errorf("no change says %q", test.want)
			}
		})
	}
}

// changed is a change of one thing.
type changed struct {
	name         string
	both, change func(*model.Snapshot)
	// want is part of every change that is found; empty for none.
	want string
}

// virtualService returns a VirtualService for a host, whose routes lead to cart.
func virtualService(name, host string, matches ...*istioapi.HTTPMatchRequest) model.VirtualService {
	out := model.VirtualService{Namespace: "shop", Name: name, Spec: &istioapi.VirtualService{Hosts: []string{host}}}
	for _, m := range append(matches, nil) {
		h := &istioapi.HTTPRoute{Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: "cart"}}}}
		if m != nil {
			h.Match = []*istioapi.HTTPMatchRequest{m}
		}
		out.Spec.Http = append(out.Spec.Http, h)
	}
	return out
}

func add(in ...model.VirtualService) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		for _, v := range in {
			v.Spec = proto.CloneOf(v.Spec)
			s.VirtualServices = append(s.VirtualServices, v)
		}
	}
}

// late gives the i-th route of the last VirtualService a timeout.
func late(i int) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		s.VirtualServices[len(s.VirtualServices)-1].Spec.Http[i].Timeout = durationpb.New(time.Second)
	}
}

func entry(name string, ports ...uint32) model.ServiceEntry {
	out := model.ServiceEntry{Namespace: "shop", Name: name, Spec: &istioapi.ServiceEntry{Hosts: []string{name + ".example.com"}}}
	for _, n := range ports {
		out.Spec.Ports = append(out.Spec.Ports, &istioapi.ServicePort{Number: n, Name: "http", Protocol: "HTTP"})
	}
	return out
}

var changesOfRoutes = []changed{
	{"retries of a redirect", func(s *model.Snapshot) {
		v := virtualService("moved", "moved.example.com")
		v.Spec.Http[0].Route, v.Spec.Http[0].Redirect = nil, &istioapi.HTTPRedirect{Uri: "/x"}
		s.VirtualServices = []model.VirtualService{v}
		s.Services = nil
		s.ServiceEntries = nil
	}, func(s *model.Snapshot) { s.Mesh.Retries = &istioapi.HTTPRetry{Attempts: 7} }, ""},
	{"another destination", add(toMirror("one", "one.example.com")), func(s *model.Snapshot) {
		s.VirtualServices[2].Spec.Http[0].Route[0].Destination.Host = "cart"
	}, "requests would go to cart.shop.svc.cluster.local:80"},
	{"to whom a ServiceEntry is exported, if that is everybody", add(), func(s *model.Snapshot) { s.ServiceEntries[0].Spec.ExportTo = []string{"*"} }, ""},
	{"an empty policy of a subset", add(), func(s *model.Snapshot) {
		s.DestinationRules[0].Spec.Subsets[0].TrafficPolicy = &istioapi.TrafficPolicy{}
	}, ""},
	{"a VirtualService that may be the older one", add(virtualService("a", "one.example.com"), virtualService("b", "one.example.com")), late(0), "timeout would change"},
	{"a VirtualService more, which may be the older one", add(virtualService("a", "one.example.com")), func(s *model.Snapshot) {
		add(virtualService("b", "one.example.com"))(s)
		late(0)(s)
	}, "timeout would change"},
	{"a route for a port", func(s *model.Snapshot) {
		s.Services[1].Ports = append(s.Services[1].Ports, model.Port{Name: "http-2", Number: 8080, HTTP: true})
		add(virtualService("mirror", "mirror", &istioapi.HTTPMatchRequest{Port: 8080}))(s)
	}, late(0), "timeout would change"},
	{"a ServiceEntry that is gone", func(s *model.Snapshot) { s.ServiceEntries = append(s.ServiceEntries, entry("x", 80)) }, func(s *model.Snapshot) {
		s.ServiceEntries = s.ServiceEntries[:1]
	}, "requests take the own route of Service x.example.com now, and would have no route"},
	{"a name of a Service without port 80", without80, add(toMirror("late", "mirror")), ""},
	{"… and back", func(s *model.Snapshot) {
		without80(s)
		add(toMirror("late", "mirror"))(s)
	}, func(s *model.Snapshot) { s.VirtualServices = nil }, ""},
	{"fields that are not known", add(virtualService("one", "one.example.com")), func(s *model.Snapshot) {
		s.VirtualServices[2].Unknown = []string{"x"}
	}, "the routes of VirtualService shop/one are not known"},
	{"nothing beside fields that are not known", func(s *model.Snapshot) {
		add(virtualService("one", "one.example.com"))(s)
		s.VirtualServices[2].Unknown = []string{"x"}
	}, func(*model.Snapshot) {}, ""},
	{"what requests with other overrides get", func(s *model.Snapshot) {
		absent := map[string]*istioapi.StringMatch{s.Options.Header: {}}
		add(virtualService("one", "one.example.com", &istioapi.HTTPMatchRequest{WithoutHeaders: absent}))(s)
	}, late(1), "timeout would change"},
	{"a route more", add(virtualServiceFor("one", "one.example.com", "/a")), func(s *model.Snapshot) {
		s.VirtualServices[2].Spec.Http = append(s.VirtualServices[2].Spec.Http, virtualServiceFor("one", "", "/b").Spec.GetHttp()...)
	}, "route 2 would be new"},
}

// without80 removes a Service's port 80, so that it has another port and no routes.
func without80(s *model.Snapshot) { s.Services[1].Ports[0].Number, s.VirtualServices = 8080, nil }

// toMirror returns a VirtualService that leads to mirror instead of cart.
func toMirror(name, host string) model.VirtualService {
	out := virtualService(name, host)
	out.Spec.Http[0].Route[0].Destination.Host = "mirror"
	return out
}

// virtualServiceFor returns a VirtualService that has a route for one path only.
func virtualServiceFor(name, host, path string) model.VirtualService {
	out := virtualService(name, host, &istioapi.HTTPMatchRequest{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: path}}})
	out.Spec.Http = out.Spec.GetHttp()[:1]
	return out
}

var changesOfCallers = []changed{
	{"a VirtualService for one namespace", func(s *model.Snapshot) { s.VirtualServices = s.VirtualServices[:1] }, func(s *model.Snapshot) {
		s.VirtualServices = append(s.VirtualServices, toMirror("mirror", "mirror"))
		s.VirtualServices[1].Spec.ExportTo = []string{"."}
		late(0)(s)
	}, "timeout would change"},
	{"more kinds of callers than can be looked at", func(s *model.Snapshot) {
		var matches []*istioapi.HTTPMatchRequest
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			matches = append(matches, &istioapi.HTTPMatchRequest{SourceLabels: map[string]string{name: "x"}})
		}
		add(virtualService("one", "one.example.com", matches...))(s)
	}, func(*model.Snapshot) {}, "labels tell more than 64 classes of callers apart, too many to compare"},
}

var changesOfPods = []changed{
	{"pods that a subset does not have", func(s *model.Snapshot) {
		s.VirtualServices = []model.VirtualService{virtualService("cart", "cart")}
		s.VirtualServices[0].Spec.Http[0].Route[0].Destination.Subset = "v1"
		s.Services[0].Backends = append(s.Services[0].Backends, model.Backend{
			Workload: model.Workload{Kind: "Deployment", Name: "cart-2"}, Labels: map[string]string{"app": "cart", "version": "v2"}, Pods: 1, Ready: 1,
		})
		s.Services[0].Settings.ReleasedVersions = []string{"v1", "v2"}
	}, func(s *model.Snapshot) { s.Services[0].Backends[1].Workload.Name = "cart-3" }, ""},
	{"pods behind a subset that is not there", func(s *model.Snapshot) {
		s.VirtualServices = []model.VirtualService{virtualService("cart", "cart")}
		s.VirtualServices[0].Spec.Http[0].Route[0].Destination.Subset = "none"
	}, func(s *model.Snapshot) { s.Services[0].Backends[0].Workload.Name = "other" }, ""},
	{"a preview beside two released versions, which get copies", func(s *model.Snapshot) {
		s.VirtualServices, s.Revisions = s.VirtualServices[:1], nil
		s.Services[1].Settings.ReleasedVersions = []string{"v1", "v2"}
		s.Services[1].Backends = append(s.Services[1].Backends, backend("mirror-2", "mirror", "v2"))
	}, func(s *model.Snapshot) {
		s.Services[1].Backends = append(s.Services[1].Backends, backend("mirror-3", "mirror", "v3"))
	}, ""},
	{"a preview behind a port without HTTP too", func(s *model.Snapshot) {
		s.Services[0].Ports = append(s.Services[0].Ports, model.Port{Name: "tcp", Number: 5000})
	}, func(s *model.Snapshot) {
		s.Services[0].Backends = append(s.Services[0].Backends, backend("cart-2", "cart", "v2"))
	}, ""},
	{"pods that only callers elsewhere reach", func(s *model.Snapshot) {
		s.Services[0].Settings.CallerNamespaces = []string{"shop"}
		s.Namespaces = []string{"shop"}
		s.VirtualServices, s.DestinationRules = nil, nil
	}, func(s *model.Snapshot) {
		s.Services[0].Backends = append(s.Services[0].Backends, backend("cart-2", "cart", "v2"))
	}, ""},
}

func backend(name, app, version string) model.Backend {
	return model.Backend{Workload: model.Workload{Kind: "Deployment", Name: name}, Labels: map[string]string{"app": app, "version": version}, Pods: 1, Ready: 1}
}

// TestWhoIsMeant: callers are named if a change is not for all of them.
func TestWhoIsMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*model.Snapshot)
		want   bool
	}{
		{"all callers", func(s *model.Snapshot) { late(0)(s) }, false},
		{"those of one namespace", func(s *model.Snapshot) {
			late(0)(s)
			s.VirtualServices[2].Spec.ExportTo = []string{"lab"}
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before, after := smallMesh(), smallMesh()
			add(toMirror("mirror", "mirror"))(after)
			test.change(after)
			changes := prove.Changes(stateOf(before), stateOf(after)).Changes
			for _, c := range changes {
				if (len(c.Callers) > 0) != test.want {
					t.Errorf("%s: %s, for %v", c.Host, c.Change, c.Callers)
				}
			}
			if len(changes) == 0 {
				t.Error("no change")
			}
		})
	}
}

// TestNotCompared: objects with TCP or TLS routes are reported if they differ.
func TestNotCompared(t *testing.T) {
	t.Parallel()
	to := []*istioapi.RouteDestination{{Destination: &istioapi.Destination{Host: "db"}}}
	for _, test := range []struct {
		name string
		spec func(host string) *istioapi.VirtualService
	}{
		{"TCP", func(host string) *istioapi.VirtualService {
			return &istioapi.VirtualService{Hosts: []string{host}, Tcp: []*istioapi.TCPRoute{{Route: to}}}
		}},
		{"TLS", func(host string) *istioapi.VirtualService {
			return &istioapi.VirtualService{Hosts: []string{host}, Tls: []*istioapi.TLSRoute{{Route: to}}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before, after, same := smallMesh(), smallMesh(), smallMesh()
			for s, host := range map[*model.Snapshot]string{before: "db", after: "db.shop.svc.cluster.local", same: "db"} {
				s.VirtualServices = append(s.VirtualServices, model.VirtualService{Namespace: "shop", Name: "db", Spec: test.spec(host)})
			}
			if d := prove.Changes(stateOf(before), stateOf(after)); len(d.NotCompared) != 1 {
				t.Errorf("not compared: %v, want VirtualService db", d.NotCompared)
			}
			if d := prove.Changes(stateOf(before), stateOf(same)); len(d.NotCompared) != 0 {
				t.Errorf("not compared: %v, though it is the same", d.NotCompared)
			}
		})
	}
}
