package route

import (
	"cmp"
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"
)

// Cluster is the target of a destination: the host of a Service, or a subset of it.
type Cluster struct{ Host, Subset string }

// Compare orders clusters by host, then by subset.
func (c Cluster) Compare(other Cluster) int {
	return cmp.Or(cmp.Compare(c.Host, other.Host), cmp.Compare(c.Subset, other.Subset))
}

// Clusters is a sorted list without repetitions.
type Clusters []Cluster

// NewClusters sorts clusters, in place, and returns a copy without repetitions and
// without spare capacity.
func NewClusters(of []Cluster) Clusters {
	slices.SortFunc(of, Cluster.Compare)
	return slices.Clone(slices.Compact(of))
}

// Has reports whether c is among cs.
func (cs Clusters) Has(c Cluster) bool {
	_, found := slices.BinarySearchFunc(cs, c, Cluster.Compare)
	return found
}

// AppendClusters appends the clusters that r names to a list: its destinations, and the
// mirrors of the user's route.
func (r *Route) AppendClusters(to []Cluster) []Cluster {
	for _, d := range r.Destinations {
		to = append(to, Cluster{d.Host, d.Subset})
	}
	to = appendDestination(to, r.Base.GetMirror())
	for _, m := range r.Base.GetMirrors() {
		to = appendDestination(to, m.GetDestination())
	}
	return to
}

// AppendUsersClusters appends the clusters that the user's own route names as
// destinations; none if r was not made from one.
func (r *Route) AppendUsersClusters(to []Cluster) []Cluster {
	for _, d := range r.Base.GetRoute() {
		to = appendDestination(to, d.GetDestination())
	}
	return to
}

func appendDestination(to []Cluster, d *istioapi.Destination) []Cluster {
	if d.GetHost() == "" {
		return to
	}
	return append(to, Cluster{d.GetHost(), d.GetSubset()})
}
