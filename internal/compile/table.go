package compile

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// manyRoutes is the size above which a table gets a warning: each sidecar holds all routes,
// at about 14 KiB each.
const manyRoutes = 1000

// builder makes a table of a draft.
type builder struct {
	ix       *index
	services *services
	r        *reporter
	draft    *draft
	// withoutCarrier matches requests that carry no override; all tables share it.
	withoutCarrier []route.Match

	// table is what is made. routes are those of the draft, pinned.
	table  route.Table
	routes []userRoute
	// names are those of the rows that are being added.
	names rowNames
	// carriers has the result of carriersOf, if several routes ask for it.
	carriers map[carrierKey][]route.Match
}

type carrierKey struct {
	of     *version
	caller model.Caller
	method string
	set    bool
}

// buildTables makes the tables of drafts, sorted.
func buildTables(ix *index, all *services, drafts []*draft, r *reporter) []route.Table {
	withoutCarrier := []route.Match{{WithoutHeaders: route.NewMatchers(map[string]route.StringMatch{
		ix.options.Header:     {Op: route.Present},
		grammar.BaggageHeader: {Op: route.Regex, Value: grammar.AnyBaggagePattern},
	})}}
	var out []route.Table
	for _, d := range drafts {
		reportRejected(ix, d, r)
		d.pinOnly = d.pinOnly || ix.rejected.TooLarge[istio.TableObject(&d.table)]
		b := &builder{ix: ix, services: all, r: r, draft: d, withoutCarrier: withoutCarrier, table: d.table, routes: slices.Clone(d.routes)}
		b.build()
		out = append(out, b.table)
	}
	slices.SortFunc(out, func(a, b route.Table) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// build makes the table: first the user's routes for requests without any carrier, and, where
// overrides need a token or a claim, for those whose grant is not live, or that no claim permits;
// then for each of them the overrides that it can follow, and the route itself.
func (b *builder) build() {
	d := b.draft
	b.remember()
	b.table.ExportTo = d.scope
	if d.scope == nil {
		b.table.ExportTo = everybody(b.ix.meshDefaults().VirtualServiceExportTo)
	}
	for _, s := range d.of {
		if !slices.Contains(d.targets, s) && d.adopted != nil {
			b.r.report(s.Service, diag.VirtualServiceElsewhere, "no route of %s leads to it", d.adopted.Object())
		}
	}
	b.pinDestinations()
	b.table.Routes = make([]route.Route, 0, b.size())
	groups := b.groups()
	for _, g := range groups {
		if !d.pinOnly {
			b.inGroup(g, route.Ordinary, b.ordinary)
		}
	}
	if d.tokens {
		b.withoutGrants(nil, b.ix.liveGrants(), b.tokenHeaders())
	}
	b.withoutAccessGrants()
	b.withoutClaims()
	for _, g := range groups {
		for i := g.from; i < g.to && !d.pinOnly; i++ {
			b.overrides(i)
		}
		b.inGroup(g, route.Released, b.released)
	}
	b.fallback(groups)
	for _, t := range d.targets {
		if !d.pinOnly {
			reportEntries(b.ix, t, d.entries, d.object(), b.r)
		}
	}
	if d.adopted != nil {
		for _, v := range append([]*model.VirtualService{d.adopted}, d.beside...) {
			b.table.Adopted = append(b.table.Adopted, v.Namespace+"/"+v.Name)
		}
		b.reportAdopted(groups)
	}
	if len(b.table.Routes) > manyRoutes {
		b.r.add(diag.New(diag.TooManyRoutes, diag.Object{Kind: "VirtualService", Namespace: b.table.Namespace, Name: b.table.Name},
			"%d routes in every proxy that calls it", len(b.table.Routes)))
	}
}

// remember lets the table of a Service remember the released workloads, if the Service has no
// DestinationRule that does.
func (b *builder) remember() {
	if of := b.draft.of; len(of) == 1 && len(b.table.Hosts) == 1 && of[0].subsets.own == nil {
		b.table.Released = of[0].remember()
	}
}

// size is the number of rows that the table has at most, without conditions.
func (b *builder) size() int {
	rows := 2
	for _, t := range b.draft.targets {
		rows += 2 * (len(t.versions) + 1)
	}
	return rows * len(b.routes)
}

// label identifies the i-th route of a table in access logs: by the user's name, else by its
// place.
func (b *builder) label(i int) string {
	r := b.routes[i]
	switch {
	case r.name != "":
		return "." + r.name
	case r.index < 0 && len(r.matches) == 1 && r.matches[0].Port != 0:
		return fmt.Sprintf(":%d", r.matches[0].Port)
	case len(b.routes) > 1:
		return fmt.Sprintf("#%d", i+1)
	}
	return ""
}

// ownRoutes are the routes that a Service has by itself: one for each of its
// HTTP ports. A Service of one port needs no condition on it.
func ownRoutes(ix *index, s *service) []userRoute {
	if len(s.Ports) == 1 && !ix.keepsTogether(s.host) {
		return []userRoute{{destinations: []route.Destination{{Host: s.host}}}}
	}
	var out []userRoute
	for _, p := range sortedPorts(s.Ports) {
		if p.HTTP {
			out = append(out, portRoute(ix, s.host, p))
		}
	}
	return out
}

// portRoute is a Service's own route on a port. Where a rule keeps requests of a client
// together, Istio would try the same pod again for a route of a VirtualService, which it
// does not for a Service's own: so the route says that it must not.
func portRoute(ix *index, host string, p model.Port) userRoute {
	r := userRoute{
		index:        -1,
		matches:      []route.Match{{Port: p.Number}},
		destinations: []route.Destination{{Host: host, Port: p.Number}},
	}
	if ix.keepsTogether(host) {
		retries := proto.CloneOf(ix.mesh.DefaultRetries())
		if retries.GetAttempts() > 0 && retries.RetryIgnorePreviousHosts == nil {
			retries.RetryIgnorePreviousHosts = wrapperspb.Bool(true)
		}
		r.base = &istioapi.HTTPRoute{Retries: retries}
	}
	return r
}

// ownRoutesOn are a Service's own routes on ports on which the user's VirtualService has
// no route for some caller: there Istio leaves the Service as it is.
func ownRoutesOn(ix *index, s *service, ports map[uint32]bool) []userRoute {
	var out []userRoute
	for _, p := range sortedPorts(s.Ports) {
		if p.HTTP && ports[p.Number] {
			out = append(out, portRoute(ix, s.host, p))
		}
	}
	return out
}
