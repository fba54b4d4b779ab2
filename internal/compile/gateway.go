package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// A companion is the table of hosts at gateways. It stands beside the VirtualServices of
// users for these hosts, which it has the routes of, in the order in which gateways have
// them:
//
//	gateway pods in       have, by gateway and host                      so there is
//	--------------------  ---------------------------------------------  -------------------
//	istio-system          ingress/public, shop.example.com: shop, extra  a companion of both
//	                      ingress/public, www.example.com: shop          another one
//	istio-system, edge    ingress/public, api.example.com: api           one for both
//	                      ingress/public and ingress/second, *: rest     one for both gateways
//
// Gateways add routes of several VirtualServices for a host to each other, and take the
// first that matches. So a companion needs a place before all others: it is exported to the
// namespaces of the gateway pods by name.

// front is the search for companions.
type front struct {
	*drafter

	byPlace map[place]*placed
	// order is the assumed order of objects whose ages are not known.
	order mesh.Order
	// problems says why routes of a VirtualService are not followed at some gateway.
	problems map[*model.VirtualService]string
}

// place is a host of a gateway, on the pods of a namespace.
type place struct{ pods, gateway, domain string }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.pods, q.pods), cmp.Compare(p.gateway, q.gateway), cmp.Compare(p.domain, q.domain))
}

// placed is the VirtualServices that have routes for a place, in order.
type placed struct {
	// host is the domain as users write it.
	host    string
	sources []*mesh.Source
	// in is the namespace of a companion that comes before them.
	in string
}

// draftGateways starts the companions of all hosts at gateways whose VirtualServices lead to
// active Services.
func (x *drafter) draftGateways() []*draft {
	f := &front{drafter: x, byPlace: map[place]*placed{}, problems: map[*model.VirtualService]string{}}
	f.findUnknown()
	f.find()
	f.placeAll()
	var out []*draft
	for _, c := range f.companions() {
		if d := f.draft(c); d != nil {
			out = append(out, d)
		}
	}
	f.report()
	return out
}

func (f *front) problem(s *mesh.Source, format string, args ...any) {
	if f.problems[s.User] == "" {
		f.problems[s.User] = fmt.Sprintf(format, args...)
	}
}

// findUnknown finds VirtualServices on gateways that are not known, or without known pods.
func (f *front) findUnknown() {
	for _, s := range f.ix.mesh.GatewaySources() {
		if !f.leadsToActive(s) {
			continue
		}
		for _, name := range s.Gateways {
			switch g := f.ix.mesh.Gateway(name); {
			case g == nil:
				f.problem(s, "Gateway %s is not known", name)
			case !f.ix.mesh.HasGatewayPods(g):
				f.problem(s, "no pods of %s are known (--gateway-namespace names their namespace)", g.Object())
			}
		}
	}
}

// find collects the hosts whose routes lead to active Services.
func (f *front) find() {
	first := f.ix.mesh.Gateways(nil, mesh.Order{})
	for _, order := range first.Orders() {
		x := first
		if order != (mesh.Order{}) {
			x = f.ix.mesh.Gateways(nil, order)
		}
		f.order = order
		for _, class := range f.ix.mesh.GatewayClasses() {
			for _, h := range x.GatewayHosts(class) {
				if slices.ContainsFunc(h.Parts, f.needsCompanion) {
					f.add(class.Namespace, &h)
				}
			}
		}
	}
}

// needsCompanion reports whether routes at a gateway lead to an active Service, or must ask for
// claims, since a Service further on may be active.
func (f *front) needsCompanion(p mesh.GatewayPart) bool {
	return f.leadsToActive(p.Source) || permitSome(f.ix.mesh.Gateway(p.Gateway).Claims)
}

// add adds a host of a listener. It can have a companion if each gateway gives it the same
// VirtualServices, and does so on every listener, for all pods of a namespace.
func (f *front) add(pods string, h *mesh.GatewayHost) {
	byGateway := map[string][]*mesh.Source{}
	for _, p := range h.Parts {
		byGateway[p.Gateway] = append(byGateway[p.Gateway], p.Source)
	}
	gateways := slices.Sorted(maps.Keys(byGateway))
	for _, gateway := range gateways {
		sources := byGateway[gateway]
		byMatch := slices.ContainsFunc(sources, hasRoutesByGateway)
		if !slices.Equal(sources, byGateway[gateways[0]]) || len(gateways) > 1 && byMatch {
			f.refuse(h, "gateways %s and %s have different routes for host %s on one port", gateways[0], gateway, h.Written)
			sources = nil
		}
		at := place{pods, gateway, h.Domains[0]}
		switch have := f.byPlace[at]; {
		case have == nil:
			f.byPlace[at] = &placed{host: h.Written, sources: sources}
		case slices.Equal(have.sources, sources):
		case f.order != (mesh.Order{}):
			f.refuse(h, "several VirtualServices have routes for host %s, and their ages, which decide about their order, are not known", h.Written)
			have.sources = nil
		default:
			f.refuse(h, "gateway %s has different routes for host %s on its ports, or for proxies of several revisions", gateway, h.Written)
			have.sources = nil
		}
	}
}

// hasRoutesByGateway reports whether s has other routes at some gateways than at others.
func hasRoutesByGateway(s *mesh.Source) bool {
	return slices.ContainsFunc(s.Routes, func(r mesh.Route) bool { return r.Gateways != nil })
}

func (f *front) refuse(h *mesh.GatewayHost, format string, args ...any) {
	for _, p := range h.Parts {
		f.problem(p.Source, format, args...)
	}
}

// placeAll finds the namespace of a companion for each place, and drops places without one.
func (f *front) placeAll() {
	for _, at := range slices.SortedFunc(maps.Keys(f.byPlace), place.compare) {
		p := f.byPlace[at]
		if len(p.sources) == 0 {
			delete(f.byPlace, at)
			continue
		}
		why := ""
		for _, in := range []string{p.sources[0].Namespace, at.pods} {
			if p.in, why = in, f.cannotBeIn(in, at, p); why == "" {
				break
			}
		}
		if why != "" {
			for _, s := range p.sources {
				f.problem(s, "%s", why)
			}
			delete(f.byPlace, at)
		}
	}
}

// cannotBeIn says why a companion in a namespace can't come before the user's
// VirtualServices; empty if it can.
func (f *front) cannotBeIn(in string, at place, p *placed) string {
	catchAll := len(p.sources) == 1
	for _, s := range p.sources {
		if s.Revision != p.sources[0].Revision {
			return "VirtualServices of several revisions have routes for host " + p.host
		}
		if !mesh.AcceptsOnGateway(f.ix.mesh.Gateway(at.gateway), p.host, s.Namespace, in) {
			return fmt.Sprintf("Gateway %s has host %s for namespace %s only", at.gateway, p.host, s.Namespace)
		}
		// A route that matches everything comes last in any case.
		catchAll = catchAll && !slices.ContainsFunc(s.Routes, func(r mesh.Route) bool { return !mesh.CatchesAll(r.Match) })
	}
	for _, s := range p.sources {
		if !catchAll && !s.OutrankedIn(at.pods, in) {
			return fmt.Sprintf("%s is exported to %s, and proxies there would not prefer another VirtualService", s.Object, enumerate(s.Scope().Namespaces))
		}
	}
	return ""
}

// companion is what several places have in common.
type companion struct {
	in                    string
	pods, gateways, hosts []string
	sources               []*mesh.Source
}

// companions joins the places that have the same VirtualServices.
func (f *front) companions() []*companion {
	groups := grouped(f.byPlace, func(at place, p *placed) string {
		parts := []string{p.in}
		if f.ix.mesh.Gateway(at.gateway).PinOnly {
			parts = append(parts, "pin only")
		}
		if claims := f.ix.mesh.Gateway(at.gateway).Claims; claims != nil {
			parts = append(parts, fmt.Sprintf("%q", *claims))
		}
		if rule := f.ix.mesh.Gateway(at.gateway).TokenRule; rule != nil {
			parts = append(parts, rule.String())
		}
		if f.ix.mesh.Gateway(at.gateway).Tokens {
			parts = append(parts, "tokens")
		}
		for _, s := range p.sources {
			parts = append(parts, s.Object.String())
			if hasRoutesByGateway(s) {
				parts = append(parts, at.gateway) // it has other routes at others
			}
		}
		return strings.Join(parts, " ")
	})
	var out []*companion
	for _, places := range groups {
		out = append(out, joinPlaces(places)...)
	}
	return out
}

// grouped divides places by a key, and sorts the groups by it.
func grouped(places map[place]*placed, keyOf func(place, *placed) string) []map[place]*placed {
	groups := map[string]map[place]*placed{}
	for at, p := range places {
		key := keyOf(at, p)
		if groups[key] == nil {
			groups[key] = map[place]*placed{}
		}
		groups[key][at] = p
	}
	out := make([]map[place]*placed, 0, len(groups))
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, groups[key])
	}
	return out
}

// joinPlaces returns one companion if each of the pods has each of the hosts at each of the
// gateways; else one for each of the pods, or for each of these and each gateway.
func joinPlaces(places map[place]*placed) []*companion {
	c := &companion{}
	hosts := map[string]string{}
	for at, p := range places {
		c.in, c.sources = p.in, p.sources
		c.pods, c.gateways = appendNew(c.pods, []string{at.pods}), appendNew(c.gateways, []string{at.gateway})
		hosts[at.domain] = p.host
	}
	slices.Sort(c.pods)
	slices.Sort(c.gateways)
	for _, domain := range slices.Sorted(maps.Keys(hosts)) {
		c.hosts = append(c.hosts, hosts[domain])
	}
	if len(places) == len(c.pods)*len(c.gateways)*len(hosts) {
		return []*companion{c}
	}
	parts := grouped(places, func(at place, _ *placed) string {
		if len(c.pods) == 1 {
			return at.gateway
		}
		return at.pods
	})
	var out []*companion
	for _, part := range parts {
		out = append(out, joinPlaces(part)...)
	}
	return out
}

// draft starts the table of a companion; nil if its routes can't be adopted.
func (f *front) draft(c *companion) *draft {
	first := c.sources[0]
	pinOnly := f.ix.mesh.Gateway(c.gateways[0]).PinOnly
	if pinOnly {
		if !slices.ContainsFunc(c.sources, f.leadsToPinned) {
			return nil
		}
		for _, s := range c.sources {
			f.problem(s, "%s is not to: %s; ordinary requests are pinned", f.ix.mesh.Gateway(c.gateways[0]).Object(), f.ix.mesh.Gateway(c.gateways[0]).PinnedBy)
		}
	}
	d := &draft{
		table:   route.Table{Namespace: c.in, Owner: first.User.Name, Hosts: c.hosts, Gateways: c.gateways, Revision: first.Revision},
		adopted: first.User, scoped: true, within: c.pods, gateway: true, pinOnly: pinOnly,
		claims: f.ix.mesh.Gateway(c.gateways[0]).Claims, tokens: f.ix.mesh.Gateway(c.gateways[0]).Tokens,
	}
	for _, name := range c.gateways {
		g := f.ix.mesh.Gateway(name)
		d.entries = append(d.entries, entry{gateway: g.Object(), rule: g.TokenRule, policy: g.TokenPolicy})
	}
	for _, s := range c.sources {
		at := *s
		at.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r mesh.Route) bool { return r.Gateways != nil && !slices.Contains(r.Gateways, c.gateways[0]) })
		routes, k := adoptRoutes(&skipInput{ix: f.ix, source: &at}, f.services, f.r)
		if k != nil {
			for _, of := range c.sources {
				f.problem(of, "%s", k.why)
			}
			return nil
		}
		if s != first {
			d.beside = append(d.beside, s.User)
		}
		d.routes = append(d.routes, routes...)
	}
	for i := range d.routes {
		d.routes[i].delegated = nil // the table has copies
	}
	if len(c.sources) > 1 {
		d.routes = catchAllLast(d.routes)
	}
	return d
}

// leadsToPinned reports whether a route of source leads, or copies requests, to a Service
// with a pin.
func (f *front) leadsToPinned(source *mesh.Source) bool {
	return slices.ContainsFunc(f.activeOf(source), func(s *service) bool { return len(s.pin.parts) > 0 })
}

// catchAllLast moves routes that match every request behind all others. A route with such a
// match beside others is divided.
func catchAllLast(routes []userRoute) []userRoute {
	var out, last []userRoute
	for i := range routes {
		r := routes[i]
		specific := filter(r.matches, func(m route.Match) bool { return !mesh.CatchesAll(&m) })
		if len(specific) > 0 {
			r.matches = specific
			out = append(out, r)
		}
		if all := len(routes[i].matches) - len(specific); all > 0 || len(routes[i].matches) == 0 {
			r.matches = filter(routes[i].matches, func(m route.Match) bool { return mesh.CatchesAll(&m) })
			last = append(last, r)
		}
	}
	return append(out, last...)
}

// report reports the VirtualServices that lead from gateways to active Services, and whose
// overrides are not followed there.
func (f *front) report() {
	for _, v := range slices.SortedFunc(maps.Keys(f.problems), func(a, b *model.VirtualService) int { return a.Object().Compare(b.Object()) }) {
		for _, s := range f.activeOf(f.ix.mesh.GatewaySource(v)) {
			f.r.report(s.Service, diag.GatewayRoutes, "%s leads to it from a gateway, which does not follow overrides: %s", v.Object(), f.problems[v])
		}
	}
}

// wantedName are the names that the table of a companion may have: that of its VirtualService
// if it is in the same namespace, else one that VirtualServices of no other namespace want.
func (d *draft) wantedName() wanted {
	owner := d.table.Owner
	if !d.gateway {
		return wanted{namespace: d.table.Namespace, wants: []string{owner, owner + "-hosts"}, key: owner}
	}
	w := wanted{namespace: d.table.Namespace, wants: []string{owner + GatewaySuffix}}
	if d.table.Namespace != d.adopted.Namespace {
		w.wants[0] = withHash(owner+GatewaySuffix, d.adopted.Namespace+"/"+owner, maxName-len(ObjectSuffix))
	}
	// The companion with the user's first host keeps its name, whatever other hosts come.
	at := slices.IndexFunc(d.adopted.Spec.GetHosts(), func(h string) bool { return slices.Contains(d.table.Hosts, h) })
	w.key = fmt.Sprintf("%s %06d %s %s %s", owner, cmp.Or(at+1, len(d.adopted.Spec.GetHosts())+1), strings.Join(d.table.Hosts, ","), strings.Join(d.table.Gateways, ","), strings.Join(d.within, ","))
	return w
}

// GatewaySuffix is part of the name of each companion.
const GatewaySuffix = "-gateway"
