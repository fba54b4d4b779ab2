package mesh_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestKubernetesHosts: which HTTPRoutes are asked for the same requests, and whether Istio has
// their rules in one list. TestModelOfKubernetesGateways in test/istio compares this with istiod.
func TestKubernetesHosts(t *testing.T) {
	t.Parallel()
	all := model.NamespaceSelector{All: true}
	listener := func(name string, port uint32, hostname string) model.Listener {
		return model.Listener{Name: name, Port: port, Protocol: "HTTP", Hostname: hostname, Namespaces: all}
	}
	at := func(parent route.Parent, name string, hostnames ...string) model.HTTPRoute {
		return model.HTTPRoute{Namespace: "shop", Name: name, Attached: route.Attachment{Parents: []route.Parent{parent}, Hostnames: hostnames}}
	}
	public := route.Parent{Kind: "Gateway", Namespace: "ingress", Name: "public"}
	section, port, second := public, public, public
	section.Section, port.Port, second.Name = "b", 81, "second"
	ofTeam := listener("a", 80, "")
	ofTeam.Namespaces = model.NamespaceSelector{Selector: []model.Requirement{{Key: "team", Operator: "In", Values: []string{"lab"}}}}
	ofGRPC := listener("a", 80, "")
	ofGRPC.Kinds = []string{"GRPCRoute"}
	for name, test := range map[string]struct {
		listeners []model.Listener
		routes    []model.HTTPRoute
		want      []string
	}{
		"one list": {
			[]model.Listener{listener("a", 80, "")},
			[]model.HTTPRoute{at(public, "x", "shop.example.com"), at(public, "y", "shop.example.com")},
			[]string{"port 80 shop.example.com: x y"},
		},
		"different hostnames of one listener": {
			[]model.Listener{listener("a", 80, "shop.example.com")},
			[]model.HTTPRoute{at(public, "x"), at(public, "y", "*.example.com")},
			[]string{"port 80 shop.example.com: x y, mixed"},
		},
		"the same routes twice": {
			[]model.Listener{listener("a", 80, "shop.example.com")},
			[]model.HTTPRoute{at(public, "x", "*.example.com", "shop.example.com")},
			[]string{"port 80 shop.example.com: x"},
		},
		"a narrower listener": {
			[]model.Listener{listener("a", 80, "*.example.com"), listener("b", 80, "shop.example.com")},
			[]model.HTTPRoute{at(public, "x", "shop.example.com", "a.example.com")},
			[]string{"port 80 a.example.com: x", "port 80 shop.example.com: x"},
		},
		"… of the only section that is not meant": {
			[]model.Listener{listener("b", 80, "*.example.com"), listener("a", 80, "shop.example.com")},
			[]model.HTTPRoute{at(section, "x", "shop.example.com")},
			nil,
		},
		"a section": {
			[]model.Listener{listener("a", 80, ""), listener("b", 81, "")},
			[]model.HTTPRoute{at(section, "x")},
			[]string{"port 81 *: x"},
		},
		"a port": {
			[]model.Listener{listener("a", 80, ""), listener("b", 81, "")},
			[]model.HTTPRoute{at(port, "x")},
			[]string{"port 81 *: x"},
		},
		"another host": {
			[]model.Listener{listener("a", 80, "shop.example.com")},
			[]model.HTTPRoute{at(public, "x", "a.example.com")},
			nil,
		},
		"another namespace":   {[]model.Listener{ofTeam}, []model.HTTPRoute{at(public, "x")}, nil},
		"another kind":        {[]model.Listener{ofGRPC}, []model.HTTPRoute{at(public, "x")}, nil},
		"a Gateway elsewhere": {nil, []model.HTTPRoute{at(route.Parent{Kind: "Gateway", Namespace: "x", Name: "x"}, "x")}, []string{"Gateway x/x *: x"}},
		"Gateways with the same pods": {
			[]model.Listener{listener("a", 80, "")},
			[]model.HTTPRoute{at(public, "x"), at(second, "y")},
			[]string{"port 80 *: x y, mixed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snapshot := &model.Snapshot{
				Options: model.DefaultOptions(), HTTPRoutes: test.routes, NamespaceLabels: map[string]map[string]string{"shop": {"team": "shop"}},
				KubernetesGateways: []model.KubernetesGateway{
					{Namespace: "ingress", Name: "public", Services: []string{"public.ingress"}, Listeners: test.listeners},
					{Namespace: "ingress", Name: "second", Services: []string{"other.ingress", "public.ingress"}, Listeners: test.listeners},
				},
			}
			var got []string
			for _, h := range mesh.New(snapshot).KubernetesHosts(nil, mesh.Order{}) {
				where, _, _ := strings.Cut(h.Configuration, " of ")
				var names []string
				for _, r := range h.Users {
					names = append(names, r.Name)
				}
				text := fmt.Sprintf("%s %s: %s", where, h.Domain, strings.Join(names, " "))
				if h.Mixed {
					text += ", mixed"
				}
				got = append(got, text)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCompete: rules compete if some request fits both, and the number of headers decides.
func TestCompete(t *testing.T) {
	t.Parallel()
	match := func(path string, headers ...route.Matcher) *route.Match {
		return &route.Match{URI: &route.StringMatch{Op: route.PathPrefix, Value: path}, Headers: headers}
	}
	header := func(name string, op route.Op, value string) route.Matcher {
		return route.Matcher{Name: name, StringMatch: route.StringMatch{Op: op, Value: value}}
	}
	param := func(value string) *route.Match {
		return &route.Match{URI: &route.StringMatch{Op: route.PathPrefix, Value: "/"}, QueryParams: route.Matchers{header("q", route.Exact, value)}}
	}
	for name, test := range map[string]struct {
		a, b *route.Match
		want bool
	}{
		"one path":                  {match("/"), match("/", header("x", route.Exact, "1")), true},
		"two paths":                 {match("/a"), match("/b"), false},
		"two values":                {match("/", header("x", route.Exact, "1")), match("/", header("X", route.Exact, "2")), false},
		"one value":                 {match("/", header("x", route.Exact, "1")), match("/", header("x", route.Exact, "1")), true},
		"two headers":               {match("/", header("x", route.Exact, "1")), match("/", header("y", route.Exact, "2")), true},
		"a pattern without a value": {match("/", header("x", route.Exact, "1")), match("/", header("x", route.Regex, "[2-9]")), false},
		"a pattern with it":         {match("/", header("x", route.Regex, "[0-9]")), match("/", header("x", route.Exact, "1")), true},
		"two patterns":              {match("/", header("x", route.Regex, "1")), match("/", header("x", route.Regex, "2")), true},
		"two parameters":            {param("1"), param("2"), false},
	} {
		if got := mesh.Compete(test.a, test.b); got != test.want || mesh.Compete(test.b, test.a) != got {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}
