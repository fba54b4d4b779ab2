package envoy

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
)

// Step is one change of a running Envoy: of its routes or, if these are nil, of its
// clusters.
type Step struct {
	Clusters []*clusterv3.Cluster
	Routes   *routev3.RouteConfiguration
}

// Steps returns how an Envoy gets from one configuration to another without a moment in
// which a route leads nowhere. Each step must be in force before the next is taken.
//
//	clusters   the old and the new ones; those in both are as in the new ones,
//	           except that one that loses its last endpoint keeps it
//	routes     the new ones
//	clusters   only the new ones
//
// Steps that would change nothing are left out.
func Steps(before, after *Config) []Step {
	var steps []Step
	current := before.Clusters
	change := func(clusters []*clusterv3.Cluster) {
		if !slices.EqualFunc(current, clusters, func(a, b *clusterv3.Cluster) bool { return proto.Equal(a, b) }) {
			steps = append(steps, Step{Clusters: clusters})
			current = clusters
		}
	}
	if proto.Equal(before.Routes, after.Routes) {
		change(after.Clusters)
		return steps
	}
	change(both(before.Clusters, after.Clusters))
	steps = append(steps, Step{Routes: after.Routes})
	change(after.Clusters)
	return steps
}

// both merges two sorted lists of clusters.
func both(before, after []*clusterv3.Cluster) []*clusterv3.Cluster {
	byName := map[string]*clusterv3.Cluster{}
	for _, c := range before {
		byName[c.GetName()] = c
	}
	var out []*clusterv3.Cluster
	for _, c := range after {
		old := byName[c.GetName()]
		delete(byName, c.GetName())
		if old != nil && len(c.GetLoadAssignment().GetEndpoints()) == 0 {
			c = old
		}
		out = append(out, c)
	}
	for _, c := range before {
		if byName[c.GetName()] != nil {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, compareClusters)
	return out
}
