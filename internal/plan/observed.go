package plan

import (
	"cmp"

	"github.com/overrides-mesh/overrides/internal/route"
)

// Cluster is what a destination names: a host, or a subset of it.
type Cluster = route.Cluster

// sight is an observed object; its routes name nothing where it has none.
type observed struct {
	*Observed
	*route.Placed
}

// look indexes what is observed.
func (p *planner) indexObserved() {
	sights, none := make([]observed, len(p.Observed)), &route.Placed{}
	for i := range p.Observed {
		s := &sights[i]
		s.Observed, s.Placed = &p.Observed[i], cmp.Or(p.Observed[i].Routes, none)
		p.observed[s.Object] = s
	}
}
