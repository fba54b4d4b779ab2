package island

import (
	"fmt"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Groups has the island of each object that a snapshot lists, as a number. Objects that count
// for all islands have none.
type Groups map[diag.Object]int

// GroupsOf finds the islands of objects that do not change.
func GroupsOf(objects *discover.Objects, options *model.Options) Groups {
	x := newIndex(options)
	objects.Each(func(name diag.Object, object discover.Object) {
		o, key := Object{Read: object}, name
		for i := 2; x.nodes[key] != nil; i++ {
			key.Name = fmt.Sprintf("%s(%d)", name.Name, i)
		}
		if name.Name == "" {
			o.Ties = []Tie{name} // by which a snapshot lists several objects
		}
		x.put(key, o)
	})
	out := Groups{}
	_, islands, _ := x.regroup()
	for i, g := range islands {
		for n := range g.nodes {
			switch n.object.Read.(type) {
			case *discover.Workload, *discover.Pod, *discover.EndpointSlice:
				// A snapshot has these in its Services.
			default:
				out[n.name] = i
			}
		}
	}
	return out
}

// Divide divides the snapshot of the objects into parts. Each part is whole islands, with as many
// Services as given, or more if an island has more; and what counts for all islands. What is
// generated for the parts is what is generated for the whole: see [generate.Join].
func (g Groups) Divide(s *model.Snapshot, services int) []*model.Snapshot {
	d := &division{whole: s, groups: g, services: services, of: map[int]*model.Snapshot{}}
	for i := range s.Services {
		p := d.partOf(&s.Services[i])
		p.Services = append(p.Services, s.Services[i])
	}
	if len(d.parts) == 0 {
		return []*model.Snapshot{s}
	}
	deal(d, s.Policies, (*model.Policy).Object, func(p *model.Snapshot) *[]model.Policy { return &p.Policies })
	deal(d, s.VirtualServices, (*model.VirtualService).Object, func(p *model.Snapshot) *[]model.VirtualService { return &p.VirtualServices })
	deal(d, s.DestinationRules, (*model.DestinationRule).Object, func(p *model.Snapshot) *[]model.DestinationRule { return &p.DestinationRules })
	deal(d, s.ServiceEntries, (*model.ServiceEntry).Object, func(p *model.Snapshot) *[]model.ServiceEntry { return &p.ServiceEntries })
	deal(d, s.ServiceRoutes, (*model.ServiceRoute).Object, func(p *model.Snapshot) *[]model.ServiceRoute { return &p.ServiceRoutes })
	deal(d, s.HTTPRoutes, (*model.HTTPRoute).Object, func(p *model.Snapshot) *[]model.HTTPRoute { return &p.HTTPRoutes })
	deal(d, s.Entrances, (*model.Entrance).Object, func(p *model.Snapshot) *[]model.Entrance { return &p.Entrances })
	return d.parts
}

// division is a snapshot and its parts.
type division struct {
	whole    *model.Snapshot
	groups   Groups
	services int
	parts    []*model.Snapshot
	// of has the part of each island.
	of map[int]*model.Snapshot
}

// partOf returns the part of a Service: that of its island, or else the last one that is not full.
func (d *division) partOf(s *model.Service) *model.Snapshot {
	island := d.groups[s.Object()]
	if p := d.of[island]; p != nil {
		return p
	}
	last := len(d.parts) - 1
	if last < 0 || len(d.parts[last].Services) >= d.services {
		p := *d.whole
		p.Services, p.Policies, p.VirtualServices, p.DestinationRules = nil, nil, nil, nil
		p.ServiceEntries, p.ServiceRoutes, p.HTTPRoutes, p.Entrances = nil, nil, nil, nil
		d.parts, last = append(d.parts, &p), last+1
	}
	d.of[island] = d.parts[last]
	return d.parts[last]
}

// deal adds each object of a list to the part of its island. An island without Services is in
// the first part.
func deal[T any](d *division, list []T, name func(*T) diag.Object, to func(*model.Snapshot) *[]T) {
	for i := range list {
		parts := d.parts
		if island, is := d.groups[name(&list[i])]; is {
			parts = parts[:1]
			if p := d.of[island]; p != nil {
				parts = []*model.Snapshot{p}
			}
		}
		for _, p := range parts {
			listed := to(p)
			*listed = append(*listed, list[i])
		}
	}
}
