package plan

import (
	"cmp"

	"github.com/overrides-mesh/overrides/internal/route"
)

// Cluster is what a destination references: a host, or a subset of it.
type Cluster = route.Cluster

// observed is an object in the cluster. Its Placed is empty, not nil, for an object that
// has no routes.
type observed struct {
	*Observed
	*route.Placed
}

// indexObserved indexes the observed objects by name.
func (p *planner) indexObserved() {
	objects, none := make([]observed, len(p.Observed)), &route.Placed{}
	for i := range p.Observed {
		o := &objects[i]
		o.Observed, o.Placed = &p.Observed[i], cmp.Or(p.Observed[i].Routes, none)
		p.observed[o.Object] = o
	}
}
