package mesh_test

import (
	"slices"
	"strings"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestNeedsOverride: which matches only requests with an override fit.
func TestNeedsOverride(t *testing.T) {
	t.Parallel()
	header := model.DefaultOptions().Header
	tests := []struct {
		name, header string
		match        route.StringMatch
		want         bool
	}{
		{"the override header", header, route.StringMatch{Op: route.Present}, true},
		{"the override header in upper case", strings.ToUpper(header), route.StringMatch{Op: route.Present}, true},
		{"another header", "x-" + header, route.StringMatch{Op: route.Present}, false},
		{"baggage with some override", "Baggage", route.StringMatch{Op: route.Regex, Value: grammar.AnyBaggagePattern}, true},
		{"baggage of any kind", "baggage", route.StringMatch{Op: route.Regex, Value: ".*"}, false},
		{"baggage that is an override", "baggage", route.StringMatch{Op: route.Exact, Value: "override.cart=v2"}, true},
		{"baggage that is a set", "baggage", route.StringMatch{Op: route.Exact, Value: "override=v2"}, true},
		{"baggage that is none", "baggage", route.StringMatch{Op: route.Exact, Value: "user=1"}, false},
		{"another header with an override's value", "x", route.StringMatch{Op: route.Exact, Value: "override.cart=v2"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := &route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{test.header: test.match})}
			if got := mesh.NeedsOverride(m, header); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestLeadsElsewhere: which rows of a table make it more than a Service's own.
func TestLeadsElsewhere(t *testing.T) {
	t.Parallel()
	const host = "cart.shop.svc.cluster.local"
	own := []route.Destination{{Host: host, Subset: "v1"}}
	override := route.NewMatchers(map[string]route.StringMatch{model.DefaultOptions().Header: {Op: route.Present}})
	tests := []struct {
		name string
		row  route.Route
		want bool
	}{
		{"the Service", route.Route{Destinations: own}, false},
		{"another Service", route.Route{Destinations: append(own, route.Destination{Host: "d.shop.svc.cluster.local"})}, true},
		{"another Service for an override", route.Route{Matches: []route.Match{{Headers: override}}, Destinations: []route.Destination{{Host: "d.shop.svc.cluster.local"}}}, false},
		{"callers of a namespace", route.Route{Matches: []route.Match{{SourceNamespace: "shop"}}, Destinations: own}, true},
		{"callers with labels", route.Route{Matches: []route.Match{{SourceLabels: map[string]string{"app": "web"}}}, Destinations: own}, true},
		{"copies", route.Route{Base: &istioapi.HTTPRoute{Mirror: &istioapi.Destination{Host: host}}, Destinations: own}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := mesh.New(&model.Snapshot{Options: model.DefaultOptions()})
			ours := m.Ours([]route.Table{{Namespace: "shop", Name: "cart", Hosts: []string{host}, Routes: []route.Route{test.row}}}, nil)
			if got := ours.For(host)[0].LeadsElsewhere(host); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestOutranked: a VirtualService is behind one that names the callers' namespace where its
// own bucket comes later (pilot/pkg/model: SelectVirtualServices).
func TestOutranked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		exportTo  []string
		caller    string
		namespace string
		want      bool
	}{
		{"public, by a private one", nil, "shop", "shop", true},
		{"public, by a listed one", nil, "web", "shop", true},
		{"listed, by a listed one", []string{"web"}, "web", "lab", false},
		{"listed, by a private one", []string{"web"}, "web", "web", true},
		{"private, by a private one", []string{"."}, "shop", "shop", false},
		{"not seen", []string{"."}, "web", "web", false},
		{"public, but not there", []string{"lab"}, "web", "web", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &model.Snapshot{Options: model.DefaultOptions(), VirtualServices: []model.VirtualService{{
				Namespace: "shop", Name: "cart", Spec: &istioapi.VirtualService{Hosts: []string{"cart"}, ExportTo: test.exportTo},
			}}}
			if got := mesh.New(s).Sources()[0].OutrankedIn(test.caller, test.namespace); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestMatches: how a match is read, and which ones Istio refuses (pkg/config/validation:
// validateHTTPRouteMatchRequest; pilot/pkg/networking/core/route: TranslateRouteMatch).
func TestMatches(t *testing.T) {
	t.Parallel()
	regex := func(pattern string) *istioapi.StringMatch {
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Regex{Regex: pattern}}
	}
	headers := func(name string, m *istioapi.StringMatch) *istioapi.HTTPMatchRequest {
		return &istioapi.HTTPMatchRequest{Headers: map[string]*istioapi.StringMatch{name: m}}
	}
	tests := []struct {
		name string
		in   *istioapi.HTTPMatchRequest
		// want is the match as text; empty where Istio refuses it.
		want string
	}{
		{"a header's name in upper case", headers("X-User", &istioapi.StringMatch{}), "header x-user present "},
		{"a parameter's name in upper case", &istioapi.HTTPMatchRequest{QueryParams: map[string]*istioapi.StringMatch{"User": regex("a")}}, "query User regex a"},
		{"no header of any value", &istioapi.HTTPMatchRequest{WithoutHeaders: map[string]*istioapi.StringMatch{"x": regex("*")}}, "without x present "},
		{"a path in any case", &istioapi.HTTPMatchRequest{Uri: regex("a"), IgnoreUriCase: true}, "path regex a, any case"},
		{"the longest pattern", headers("x", regex(strings.Repeat("a", grammar.MaxPatternBytes))), "header x regex " + strings.Repeat("a", grammar.MaxPatternBytes)},
		{"a longer one", headers("x", regex(strings.Repeat("a", grammar.MaxPatternBytes+1))), ""},
		{"no pattern", headers("x", regex("(")), ""},
		{"a claim", headers("@request.auth.claims.group", regex("a")), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source := mesh.New(&model.Snapshot{Options: model.DefaultOptions(), VirtualServices: []model.VirtualService{{
				Namespace: "shop", Name: "cart", Spec: &istioapi.VirtualService{Hosts: []string{"cart"}, Http: []*istioapi.HTTPRoute{{Match: []*istioapi.HTTPMatchRequest{test.in}}}},
			}}}).Sources()[0]
			if (source.Problem != nil) != (test.want == "") {
				t.Fatalf("problem: %v", source.Problem)
			}
			if test.want == "" {
				return
			}
			if got := text(source.Routes[0].Match); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestMeshDefaults: what the mesh's configuration says where an object says nothing, and
// what Istio does where that says nothing either (pilot/pkg/networking/core/route/retry:
// newRetryPolicy; pilot/pkg/model: initDefaultExportMaps).
func TestMeshDefaults(t *testing.T) {
	t.Parallel()
	s := &model.Snapshot{Options: model.DefaultOptions(), DestinationRules: []model.DestinationRule{{
		Namespace: "shop", Name: "cart", Spec: &istioapi.DestinationRule{Host: "cart"},
	}}}
	of := func() (attempts int32, public bool) {
		m := mesh.New(s)
		return m.DefaultRetries().GetAttempts(), m.RuleScope(m.UserRules("cart.shop.svc.cluster.local")[0]).Public
	}
	if attempts, public := of(); attempts != 2 || !public {
		t.Errorf("nothing is said: %d retries, public rules %t", attempts, public)
	}
	s.Mesh.Retries, s.Mesh.DestinationRuleExportTo = &istioapi.HTTPRetry{Attempts: 5}, []string{"."}
	if attempts, public := of(); attempts != 5 || public {
		t.Errorf("5 retries and private rules are said: %d retries, public rules %t", attempts, public)
	}
}

// TestRevisions: callers have the revision of their namespace's label, or of the tag in it;
// if two states differ in this, each has its own.
func TestRevisions(t *testing.T) {
	t.Parallel()
	island := func(revision string) *mesh.Island {
		return mesh.New(&model.Snapshot{
			Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Revisions: map[string]string{"shop": revision}, Tags: map[string]string{"prod": "canary"},
			Services: []model.Service{{Namespace: "shop", Name: "cart"}},
			VirtualServices: []model.VirtualService{{
				Namespace: "shop", Name: "cart", Revision: "canary", Spec: &istioapi.VirtualService{Hosts: []string{"cart"}},
			}},
		}).Island([]string{"cart.shop.svc.cluster.local"}, nil, mesh.Order{})
	}
	before, after := island("stable"), island("prod")
	classes, _ := mesh.SharedClasses(before, after)
	i := slices.IndexFunc(classes, func(c *mesh.Class) bool { return c.Namespace == "shop" })
	if class := classes[i]; class.Revision != "canary" || before.Here(class).Revision != "stable" || after.Here(class).Revision != "canary" {
		t.Errorf("%s: %q before, %q after", class, before.Here(class).Revision, after.Here(class).Revision)
	}
}

// TestOverridesTellNobodyApart: what routes for overrides ask of callers is nothing to
// ordinary requests.
func TestOverridesTellNobodyApart(t *testing.T) {
	t.Parallel()
	const host = "cart.shop.svc.cluster.local"
	m := mesh.New(&model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{{Namespace: "shop", Name: "cart"}}})
	count := func(match route.Match) int {
		ours := m.Ours([]route.Table{{Namespace: "shop", Name: "cart", Hosts: []string{host}, Routes: []route.Route{{Matches: []route.Match{match}}}}}, nil)
		classes, _ := m.Island([]string{host}, ours, mesh.Order{}).Classes()
		return len(classes)
	}
	override := route.NewMatchers(map[string]route.StringMatch{model.DefaultOptions().Header: {Op: route.Present}})
	plain := count(route.Match{})
	for _, match := range []route.Match{{SourceLabels: map[string]string{"app": "web"}}, {SourceNamespace: "web"}} {
		if n := count(match); n == plain {
			t.Errorf("%+v: %d kinds of callers, as without it", match, n)
		}
		match.Headers = override
		if n := count(match); n != plain {
			t.Errorf("%+v: %d kinds of callers, want %d", match, n, plain)
		}
	}
}

// TestIslandOfOne: the island of one Service has all its names, those of its aliases where
// these are, and what else has one of them (pilot/pkg/networking/core:
// GenerateAltVirtualHosts, dedupeDomains).
func TestIslandOfOne(t *testing.T) {
	t.Parallel()
	ports := []model.Port{{Name: "http", Number: 80, HTTP: true}}
	x := mesh.New(&model.Snapshot{
		Options: model.DefaultOptions(),
		Services: []model.Service{
			{Namespace: "shop", Name: "cart", Ports: ports},
			{Namespace: "lab", Name: "alias", Ports: ports, ExternalName: "cart.shop.svc.cluster.local"},
		},
		ServiceEntries: []model.ServiceEntry{{Namespace: "lab", Name: "cart", Spec: &istioapi.ServiceEntry{
			Hosts: []string{"cart.shop"}, Ports: []*istioapi.ServicePort{{Number: 80, Protocol: "HTTP"}},
		}}},
	}).Island([]string{"cart.shop.svc.cluster.local"}, nil, mesh.Order{})
	hosts := x.VirtualHosts(x.Class("lab", "", nil), 80)
	for authority, want := range map[string]string{
		"cart.shop.svc": "cart.shop.svc.cluster.local", "alias": "cart.shop.svc.cluster.local", "alias.lab": "cart.shop.svc.cluster.local", "cart.shop": "cart.shop",
	} {
		if h := mesh.Lookup(hosts, authority); h == nil || h.Service.Host != want {
			t.Errorf("%s: got %+v, want %s", authority, h, want)
		}
	}
}

// TestPorts: routes are looked at on port 80, where hosts that are no Service's are known,
// and on the ports of Services that carry HTTP.
func TestPorts(t *testing.T) {
	t.Parallel()
	x := mesh.New(&model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{{
		Namespace: "shop", Name: "cart", Ports: []model.Port{{Number: 8080, HTTP: true}, {Number: 5000}},
	}}}).Island([]string{"cart.shop.svc.cluster.local"}, nil, mesh.Order{})
	if got := x.Ports(); !slices.Equal(got, []uint32{80, 8080}) {
		t.Errorf("got %v", got)
	}
}
