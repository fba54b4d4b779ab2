package compile

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// manyRoutes is the size from which a table is worth a warning: each sidecar
// holds all routes, at about 14 KiB each.
const manyRoutes = 1000

// buildTables makes the table of every active Service, and of every other host
// whose VirtualService leads to one. A Service that turns out to have to be
// left alone is no target of the other tables either, so that all drafts are
// settled before the first table is built.
func (c *compiler) buildTables() {
	drafts := c.draftServices()
	for _, source := range c.mesh.Sources() {
		if d := c.draftHosts(source, drafts); d != nil {
			drafts = append(drafts, d)
		}
	}
	for _, d := range c.settle(c.nameTables(drafts)) {
		c.sayRefused(d)
		c.finishTable(d)
	}
	for _, s := range c.services {
		if s.active() && s.rule.own != nil {
			c.rules = append(c.rules, *s.rule.own)
		}
	}
}

// sayRefused says for whom the table of d is not made, since it would change ordinary
// requests.
func (c *compiler) sayRefused(d *draft) {
	byReason := map[string][]string{}
	for n, why := range c.refused.namespaces(istio.TableObject(&d.table)) {
		byReason[why] = append(byReason[why], n)
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		namespaces := byReason[why]
		slices.Sort(namespaces)
		c.add(diag.New(diag.OrdinaryTrafficWouldChange, d.object(), "not made for callers in %s, who keep what they have: %s", list(namespaces), why))
	}
}

// object is what d is made for: a Service, or the VirtualService whose hosts it has.
func (d *draft) object() diag.Object {
	if len(d.of) > 0 {
		return d.of[0].Object()
	}
	return d.adopted.Object()
}

func (c *compiler) draftServices() []*draft {
	var out []*draft
	covered := map[*service]bool{} // a table has their host already
	for _, s := range c.services {
		if !s.active() || covered[s] {
			continue
		}
		if d := c.draftService(s); d != nil {
			out = append(out, d)
			for _, other := range d.of {
				covered[other] = true
			}
		}
	}
	return out
}

// draftService starts the table of a Service's own host; nil if s is left alone.
func (c *compiler) draftService(s *service) *draft {
	d := &draft{
		table:    route.Table{Namespace: s.Namespace, Name: ObjectName(s.Name), Owner: s.Name, Hosts: []string{s.host}},
		settings: s.settings, of: []*service{s}, routes: c.ownRoutes(s),
	}
	if why, refused := c.refused.Objects[istio.TableObject(&d.table)]; refused {
		c.leave(s, diag.OrdinaryTrafficWouldChange, "%s", why)
		return nil
	}
	picked, ok := c.virtualServiceOf(s)
	if !ok {
		return nil
	}
	d.scoped, d.within = picked.namespaces != nil, picked.namespaces
	d.excluded = slices.Sorted(maps.Keys(picked.others))
	if picked.source != nil && !c.adopt(d, s, picked) {
		return nil
	}
	if c.foreign[istio.TableObject(&d.table)] {
		c.leave(s, diag.NameTaken, "VirtualService %s exists and is not ours", d.table.Name)
		return nil
	}
	if v := c.fromGateways[s.host]; v != nil {
		c.say(s, diag.GatewayRoutes, "%s leads to it from a gateway, which does not follow overrides", v.Object())
	}
	return d
}

// adopt gives d the routes of a VirtualService of the user's, and the Service's own for
// the ports on which that has none for some callers. Where it names other hosts beside
// Services, which it gives routes to on these Services' ports, they are hosts of one table.
func (c *compiler) adopt(d *draft, s *service, picked pick) bool {
	source := picked.source
	routes, problem := c.readRoutes(source)
	if problem != nil {
		c.leave(s, problem.Code, "%s", problem.Message)
		return false
	}
	d.adopted, d.table.Revision = source.User, source.Revision
	d.routes = slices.Concat(routes, c.ownRoutesOn(s, picked.ownPorts))
	if extra := c.hostsBeside(source, s, picked); len(extra) > 0 {
		d.table.Hosts = extra
		for _, host := range extra {
			if other := c.byHost[host]; other != nil && other != s && other.active() {
				d.of = append(d.of, other)
			}
		}
	}
	return true
}

// hostsBeside lists all hosts of source, if there are any beside those of Services and
// it names the host of s itself: those for which it is in force for the same callers.
// Hosts that are no Services are verbatim, since Istio compares them before it resolves
// them.
func (c *compiler) hostsBeside(source *mesh.Source, s *service, picked pick) []string {
	if !slices.Contains(source.Hosts, s.host) {
		return nil
	}
	var out []string
	beside := false
	for i, h := range source.Hosts {
		switch isService := c.mesh.Service(h) != nil; {
		case h == s.host:
			out = append(out, h)
		case !c.inForceFor(source, h, picked.namespaces):
		case isService:
			out = append(out, h)
		default:
			out, beside = append(out, source.Verbatim(i)), true
		}
	}
	if !beside {
		return nil
	}
	return out
}

// inForceFor reports whether callers in all these namespaces get the routes of source,
// and no others, by a host.
func (c *compiler) inForceFor(source *mesh.Source, host string, namespaces []string) bool {
	claims, ok := c.claims(host, host, c.portsOf(source))
	if !ok {
		return false
	}
	for _, n := range namespaces {
		if x := claims[n]; x == nil || len(x.sources) != 1 || x.sources[0] != source || x.service {
			return false
		}
	}
	return len(namespaces) > 0
}

// settle gives each draft its targets and scope. Leaving one Service alone may
// change the targets of others, so that it goes on until nothing changes.
func (c *compiler) settle(drafts []*draft) []*draft {
	for changed := true; changed; {
		changed = false
		drafts = keep(drafts, func(d *draft) bool {
			d.targets = c.targetsOf(d)
			d.seen = slices.Concat(d.targets, c.mirroredBy(d))
			var seen bool
			d.scope, seen = c.tableScope(d)
			switch {
			case d.of == nil && len(d.seen) == 0:
				return false
			case seen:
				return true
			case d.of != nil:
				for _, s := range d.of {
					c.leaveUnseen(s, d)
				}
				changed = true
			case len(c.refused.namespaces(istio.TableObject(&d.table))) > 0:
				c.sayRefused(d)
			default:
				c.refuse(d.adopted, diag.VirtualServiceScoped, "no namespace is left that could see its routes with overrides")
			}
			return false
		})
	}
	return drafts
}

func (c *compiler) refuse(v *model.VirtualService, code diag.Code, format string, args ...any) {
	c.add(diag.New(code, v.Object(), format, args...).At(v.Origin))
}

// leaveUnseen leaves s alone where no namespace is left that could see its table.
func (c *compiler) leaveUnseen(s *service, d *draft) {
	refused := c.refused.namespaces(istio.TableObject(&d.table))
	if len(refused) == 0 {
		c.leave(s, diag.DestinationRuleOfCaller, "every namespace that could call it has its own rules")
		return
	}
	first := slices.Sorted(maps.Keys(refused))[0]
	c.leave(s, diag.OrdinaryTrafficWouldChange, "%s", refused[first])
}

// leadsToActive reports whether a route of source leads, or copies requests, to an
// active Service.
func (c *compiler) leadsToActive(source *mesh.Source) bool {
	for i := range source.Routes {
		r := &source.Routes[i]
		for _, d := range slices.Concat(r.Destinations, r.Mirrors) {
			if s := c.byHost[c.mesh.Concrete(d.Host)]; s != nil && s.active() {
				return true
			}
		}
	}
	return false
}

// mirroredBy lists the active Services that routes of d copy requests to.
func (c *compiler) mirroredBy(d *draft) []*service {
	var out []*service
	for i := range d.routes {
		r := d.routes[i].base
		for _, to := range mirrorsOf(r) {
			if s := c.byHost[c.mesh.Concrete(to.GetHost())]; s != nil && s.active() && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// draft is a table in the making.
type draft struct {
	table    route.Table
	settings model.Settings
	// of are the Services whose hosts it has; none for other hosts.
	of []*service
	// adopted is the user's VirtualService that it stands beside; nil for none.
	adopted  *model.VirtualService
	excluded []string
	routes   []userRoute
	// targets are the active Services that a route leads to: callers that see the table
	// must see their subsets. In seen are also those that requests are copied to.
	targets, seen []*service
	// scoped is set where the table must name the namespaces that see it; within are
	// those it may name, nil for all that callers are in.
	scoped bool
	within []string
	// scope lists the namespaces that are to see the table; nil for all.
	scope []string
}

// finishTable translates a draft into a table: first the user's routes for
// requests without any carrier, then for each of them the overrides that it
// can follow, and the route itself.
func (c *compiler) finishTable(d *draft) {
	d.remember()
	b := &builder{compiler: c, draft: d}
	d.table.ExportTo = d.scope
	if d.scope == nil {
		d.table.ExportTo = everybody(c.snapshot.Mesh.VirtualServiceExportTo)
	}
	for _, s := range d.of {
		if !slices.Contains(d.targets, s) && d.adopted != nil {
			c.say(s, diag.VirtualServiceElsewhere, "no route of %s leads to it", d.adopted.Object())
		}
	}
	b.pinDestinations()
	d.table.Routes = make([]route.Route, 0, b.size())
	groups := b.groups()
	for _, g := range groups {
		b.inGroup(g, route.Ordinary, b.ordinary)
	}
	for _, g := range groups {
		for i := g.from; i < g.to; i++ {
			b.overrides(i)
		}
		b.inGroup(g, route.Released, b.released)
	}
	b.fallback(groups)
	if d.adopted != nil {
		d.table.Adopted = d.adopted.Namespace + "/" + d.adopted.Name
		b.sayAdopted(groups)
	}
	if len(d.table.Routes) > manyRoutes {
		c.add(diag.New(diag.TooManyRoutes, diag.Object{Kind: "VirtualService", Namespace: d.table.Namespace, Name: d.table.Name},
			"%d routes in every proxy that calls it", len(d.table.Routes)))
	}
	c.tables = append(c.tables, d.table)
}

// size is how many rows the table has at most, where no conditions are asked for.
func (b *builder) size() int {
	rows := 2
	for _, t := range b.draft.targets {
		rows += len(t.versions) + 1
	}
	return rows * len(b.draft.routes)
}

// ownRoutes are the routes that a Service has by itself: one for each of its
// HTTP ports. A Service of one port needs no condition on it.
func (c *compiler) ownRoutes(s *service) []userRoute {
	if len(s.Ports) == 1 && !c.keepsTogether(s) {
		return []userRoute{{destinations: []route.Destination{{Host: s.host}}}}
	}
	var out []userRoute
	for _, p := range sortedPorts(s.Ports) {
		if p.HTTP {
			out = append(out, c.portRoute(s, p))
		}
	}
	return out
}

// portRoute is the Service's own route on a port. Where a rule keeps requests of a client
// together, Istio would try the same pod again for a route of a VirtualService, which for
// a Service's own it does not: so the route says that it must not.
func (c *compiler) portRoute(s *service, p model.Port) userRoute {
	r := userRoute{
		index:        -1,
		matches:      []route.Match{{Port: p.Number}},
		destinations: []route.Destination{{Host: s.host, Port: p.Number}},
	}
	if c.keepsTogether(s) {
		retries := proto.CloneOf(c.mesh.DefaultRetries())
		if retries.GetAttempts() > 0 && retries.RetryIgnorePreviousHosts == nil {
			retries.RetryIgnorePreviousHosts = wrapperspb.Bool(true)
		}
		r.base = &istioapi.HTTPRoute{Retries: retries}
	}
	return r
}

// ownRoutesOn are the Service's own routes on ports: where the user's VirtualService has
// no route for a caller at all, Istio leaves the Service as it is.
func (c *compiler) ownRoutesOn(s *service, ports map[uint32]bool) []userRoute {
	var out []userRoute
	for _, p := range sortedPorts(s.Ports) {
		if p.HTTP && ports[p.Number] {
			out = append(out, c.portRoute(s, p))
		}
	}
	return out
}

// label names the i-th route of a table in access logs: by the name that the
// user gave it, else by its place.
func (d *draft) label(i int) string {
	r := d.routes[i]
	switch {
	case r.name != "":
		return "." + r.name
	case r.index < 0 && len(r.matches) == 1 && r.matches[0].Port != 0:
		return fmt.Sprintf(":%d", r.matches[0].Port)
	case len(d.routes) > 1:
		return fmt.Sprintf("#%d", i+1)
	}
	return ""
}
