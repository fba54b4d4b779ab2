package envoy_test

import (
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/envoy"
)

// cluster returns a cluster with as many localities as endpoints.
func cluster(name string, endpoints int) *clusterv3.Cluster {
	return &clusterv3.Cluster{Name: name, LoadAssignment: &endpointv3.ClusterLoadAssignment{
		Endpoints: make([]*endpointv3.LocalityLbEndpoints, endpoints),
	}}
}

// routesTo returns a configuration whose routes lead to some of its clusters.
func routesTo(clusters []*clusterv3.Cluster, names ...string) *envoy.Config {
	host := &routev3.VirtualHost{}
	for _, name := range names {
		host.Routes = append(host.Routes, &routev3.Route{Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: name},
		}}})
	}
	return &envoy.Config{Clusters: clusters, Routes: &routev3.RouteConfiguration{VirtualHosts: []*routev3.VirtualHost{host}}}
}

// describe returns steps as in "+a2 b1" for clusters and their endpoints, and "→ a b" for
// the destinations of routes.
func describe(steps []envoy.Step) []string {
	var out []string
	for _, s := range steps {
		var words []string
		if s.Routes != nil {
			words = append([]string{"→"}, led(s.Routes)...)
		}
		for _, c := range s.Clusters {
			words = append(words, c.GetName()+strings.Repeat("*", len(c.GetLoadAssignment().GetEndpoints())))
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

func led(r *routev3.RouteConfiguration) []string {
	var out []string
	for _, route := range r.GetVirtualHosts()[0].GetRoutes() {
		out = append(out, route.GetRoute().GetCluster())
	}
	return out
}

func TestSteps(t *testing.T) {
	t.Parallel()
	list := func(clusters ...*clusterv3.Cluster) []*clusterv3.Cluster { return clusters }
	a, b := cluster("a", 1), cluster("b", 1)
	for name, test := range map[string]struct {
		before, after *envoy.Config
		want          []string
	}{
		"nothing":              {routesTo(list(a), "a"), routesTo(list(a), "a"), nil},
		"a version comes":      {routesTo(list(a), "a"), routesTo(list(a, b), "a", "b"), []string{"a* b*", "→ a b"}},
		"a version goes":       {routesTo(list(a, b), "a", "b"), routesTo(list(a), "a"), []string{"→ a", "a*"}},
		"one for another":      {routesTo(list(a), "a"), routesTo(list(b), "b"), []string{"a* b*", "→ b", "b*"}},
		"pods come":            {routesTo(list(a), "a"), routesTo(list(cluster("a", 2)), "a"), []string{"a**"}},
		"pods go":              {routesTo(list(cluster("a", 2)), "a"), routesTo(list(a), "a"), []string{"a*"}},
		"all pods go":          {routesTo(list(a), "a"), routesTo(list(cluster("a", 0)), "a"), []string{"a"}},
		"pods and routes go":   {routesTo(list(a, b), "a", "b"), routesTo(list(a, cluster("b", 0)), "a"), []string{"→ a", "a* b"}},
		"pods go, routes come": {routesTo(list(cluster("a", 2)), "a"), routesTo(list(a, b), "a", "b"), []string{"a* b*", "→ a b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(test.want, describe(envoy.Steps(test.before, test.after))); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestStepsLeaveNoRouteNowhere: at no moment does a route lead to a cluster that does not
// exist, or that has no endpoints although it has some before or after.
func TestStepsLeaveNoRouteNowhere(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	config := rapid.Custom(func(t *rapid.T) *envoy.Config {
		var clusters []*clusterv3.Cluster
		var served []string
		for _, name := range names {
			if n := rapid.IntRange(-1, 2).Draw(t, name); n >= 0 {
				clusters = append(clusters, cluster(name, n))
				if n > 0 && rapid.Bool().Draw(t, "routed") {
					served = append(served, name)
				}
			}
		}
		return routesTo(clusters, served...)
	})
	rapid.Check(t, func(t *rapid.T) {
		now, after := config.Draw(t, "before"), config.Draw(t, "after")
		for _, s := range envoy.Steps(now, after) {
			if s.Routes != nil {
				now = &envoy.Config{Clusters: now.Clusters, Routes: s.Routes}
			} else {
				now = &envoy.Config{Clusters: s.Clusters, Routes: now.Routes}
			}
			for _, name := range led(now.Routes) {
				if !slices.ContainsFunc(now.Clusters, func(c *clusterv3.Cluster) bool {
					return c.GetName() == name && len(c.GetLoadAssignment().GetEndpoints()) > 0
				}) {
					t.Fatalf("a route leads to %s, of %s", name, describe([]envoy.Step{{Clusters: now.Clusters}}))
				}
			}
		}
		got := append(describe([]envoy.Step{{Clusters: now.Clusters}}), describe([]envoy.Step{{Routes: now.Routes}})...)
		want := append(describe([]envoy.Step{{Clusters: after.Clusters}}), describe([]envoy.Step{{Routes: after.Routes}})...)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}
