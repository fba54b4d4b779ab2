package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// group is consecutive routes of the user: all that one route delegates to, or a single
// one. The routes are those from an index to before another.
//
//	a route of the user delegates to routes, and      rows for requests without an override
//	------------------------------------------------  -------------------------------------
//	their destinations can stay as they are           one that delegates to the same
//	a destination has to be pinned                    copies, with the pin
//	they lead to different Services                   copies, with rows for overrides that
//	                                                  only some of them follow in between
//	one of them matches baggage itself                copies: Istio drops a route whose match
//	                                                  conflicts with that of the root
//	Istio does not let a table delegate to them       copies
type group struct {
	from, to int
	// by is the route that delegates to them; nil if they are copied.
	by *mesh.Delegated
	// pinned is set if they are copied because a destination has to be pinned.
	pinned bool
}

// groups divides the pinned routes.
func (b *builder) groups() []group {
	routes := b.routes
	var out []group
	for i := 0; i < len(routes); {
		by, to := routes[i].delegated, i+1
		for by != nil && to < len(routes) && routes[to].delegated == by {
			to++
		}
		g := group{from: i, to: to, by: by}
		if by != nil && !b.canDelegate(&g) {
			for j := i; j < to; j++ {
				out = append(out, group{from: j, to: j + 1, pinned: g.pinned})
			}
		} else {
			out = append(out, g)
		}
		i = to
	}
	return out
}

// canDelegate reports whether the table can delegate to the same routes as the user's root.
func (b *builder) canDelegate(g *group) bool {
	routes := b.routes[g.from:g.to]
	g.pinned = slices.ContainsFunc(routes, func(r userRoute) bool { return r.pinned })
	if g.pinned || !b.ix.mesh.Delegates(b.table.Namespace, b.table.Revision, g.by.To) {
		return false
	}
	if usesHeader(g.by.Matches, grammar.BaggageHeader) || slices.ContainsFunc(routes, func(r userRoute) bool { return usesHeader(r.matches, grammar.BaggageHeader) }) {
		return false
	}
	first := b.targets(g.from)
	for i := g.from + 1; i < g.to; i++ {
		if !slices.Equal(first, b.targets(i)) {
			return false
		}
	}
	return len(conjunctions(g.by.Matches, b.withoutCarrier)) > 0
}

// inGroup adds the rows of one kind for the routes of a group, as a delegation if possible.
func (b *builder) inGroup(g group, kind route.Kind, add func(i int)) {
	start := len(b.table.Routes)
	for i := g.from; i < g.to; i++ {
		add(i)
	}
	rows := b.table.Routes[start:]
	if g.by == nil || len(rows) != g.to-g.from {
		return
	}
	d := &route.Delegation{
		Namespace: g.by.To.Namespace, Delegate: g.by.To.Name, Name: b.delegationName(g, kind),
		Matches: g.by.Matches, Base: g.by.Root, Rows: len(rows),
	}
	if kind == route.Ordinary {
		d.Matches = conjunctions(g.by.Matches, b.withoutCarrier)
	}
	for i := range rows {
		rows[i].Delegated = d
		if d.Name != g.by.Root.GetName() {
			rows[i].Name = mesh.JoinNames(d.Name, b.routes[g.from+i].name)
		}
	}
}

// delegationName is the name of the root's route. It is one of Overrides if a route of the
// delegate has no name, since its row would have none either.
func (b *builder) delegationName(g group, kind route.Kind) string {
	unnamed := func(r userRoute) bool { return r.name == "" }
	if slices.ContainsFunc(b.routes[g.from:g.to], unnamed) {
		return string(kind) + "." + b.table.Owner + b.label(g.from)
	}
	return g.by.Root.GetName()
}

// fallback adds the Service's own routes behind delegated rows. No request gets there while
// the delegate takes them all. Istio ignores the delegate while it has hosts, as in the
// moment in which a user gives it hosts again: without a fallback, requests would get 404.
func (b *builder) fallback(groups []group) {
	d := b.draft
	if len(groups) == 0 {
		return
	}
	last := groups[len(groups)-1]
	if len(d.of) != 1 || d.of[0].pin.needed || last.by == nil || !b.routes[last.to-1].catchesAll() {
		return
	}
	for _, r := range ownRoutes(b.ix, d.of[0]) {
		name := "fallback." + b.table.Owner
		if len(r.matches) > 0 {
			name += fmt.Sprintf(":%d", r.matches[0].Port)
		}
		b.add(route.Route{Name: name, Kind: route.Released, Matches: r.matches, Destinations: r.destinations, Base: r.base})
	}
}
