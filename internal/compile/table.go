package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
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
	for i := range c.snapshot.VirtualServices {
		if d := c.draftHosts(&c.snapshot.VirtualServices[i], drafts); d != nil {
			drafts = append(drafts, d)
		}
	}
	for _, d := range c.settle(drafts) {
		c.finishTable(d)
	}
	for _, s := range c.services {
		if s.active() && s.rule.own != nil {
			c.rules = append(c.rules, *s.rule.own)
		}
	}
}

func (c *compiler) draftServices() []*draft {
	var out []*draft
	for _, s := range c.services {
		if s.active() {
			if d := c.draftService(s); d != nil {
				out = append(out, d)
			}
		}
	}
	return out
}

// draftService starts the table of a Service's own host; nil if s is left alone.
func (c *compiler) draftService(s *service) *draft {
	picked, ok := c.virtualServiceOf(s)
	if !ok {
		return nil
	}
	d := &draft{
		table:    route.Table{Namespace: s.Namespace, Name: objectName(s.Name), Owner: s.Name, Hosts: []string{s.host}},
		settings: s.settings, of: s, excluded: picked.excluded, routes: ownRoutes(s),
	}
	if v := picked.virtualService; v != nil {
		routes, problem := c.readRoutes(v)
		if problem != nil {
			c.leave(s, problem.Code, "left alone: %s", problem.Message)
			return nil
		}
		d.routes = slices.Concat(routes, uncoveredPorts(s, routes))
		d.adopted = v
	}
	if c.foreign[diag.Object{Kind: "VirtualService", Namespace: s.Namespace, Name: d.table.Name}] {
		c.leave(s, diag.NameTaken, "left alone: VirtualService %s exists and is not ours", d.table.Name)
		return nil
	}
	if v := c.mesh.fromGateways[s.host]; v != nil {
		c.say(s, diag.GatewayRoutes, "%s leads to it from a gateway, which does not follow overrides itself", v.Object())
	}
	return d
}

// draftHosts starts the table of the hosts of v that are no active Services,
// where v leads to one that is: its destinations are to be pinned, and
// overrides followed, there too. It returns nil where there is nothing to do.
func (c *compiler) draftHosts(v *model.VirtualService, others []*draft) *draft {
	if !boundToMesh(v) || !c.leadsToActive(v) {
		return nil
	}
	hosts, excluded := c.otherHosts(v)
	if len(hosts) == 0 {
		return nil
	}
	routes, problem := c.readRoutes(v)
	if problem != nil {
		c.refuse(v, problem.Code, "%s", problem.Message)
		return nil
	}
	name := objectName(v.Name)
	if slices.ContainsFunc(others, func(d *draft) bool { return d.table.Namespace == v.Namespace && d.table.Name == name }) {
		name = objectName(v.Name + "-hosts")
	}
	if c.foreign[diag.Object{Kind: "VirtualService", Namespace: v.Namespace, Name: name}] {
		c.refuse(v, diag.NameTaken, "VirtualService %s exists and is not ours", name)
		return nil
	}
	return &draft{
		table:   route.Table{Namespace: v.Namespace, Name: name, Owner: v.Name, Hosts: hosts},
		adopted: v, excluded: excluded, routes: routes,
	}
}

// otherHosts lists the hosts of v that are no active Services and for which v
// is in force, verbatim, since Istio compares hosts before it resolves them;
// and the namespaces that have another VirtualService for one of them.
func (c *compiler) otherHosts(v *model.VirtualService) (hosts, excluded []string) {
	for _, h := range v.Spec.GetHosts() {
		host := strings.ToLower(c.resolve(h, v.Namespace))
		if s := c.byHost[host]; s != nil && s.active() {
			continue
		}
		picked, problem := choose(c.candidates(host), v.Namespace)
		switch {
		case problem != nil:
			c.refuse(v, problem.Code, "it leads to Services with several versions, but host %s can't be adopted: %s", h, problem.Message)
		case picked.virtualService == v:
			hosts = append(hosts, h)
			excluded = append(excluded, picked.excluded...)
		}
	}
	return hosts, excluded
}

// settle gives each draft its targets and scope. Leaving one Service alone may
// change the targets of others, so that it goes on until nothing changes.
func (c *compiler) settle(drafts []*draft) []*draft {
	for changed := true; changed; {
		changed = false
		drafts = keep(drafts, func(d *draft) bool {
			d.targets = c.targetsOf(d)
			var seen bool
			d.scope, seen = c.tableScope(d)
			switch {
			case d.of == nil && len(d.targets) == 0:
				return false
			case seen:
				return true
			case d.of != nil:
				c.leave(d.of, diag.DestinationRuleOfCaller, "left alone: every namespace that could call it has its own rules")
				changed = true
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

func (c *compiler) leadsToActive(v *model.VirtualService) bool {
	for _, h := range c.flattenQuietly(v) {
		for _, d := range h.GetRoute() {
			if s := c.byHost[d.GetDestination().GetHost()]; s != nil && s.active() {
				return true
			}
		}
	}
	return false
}

// draft is a table in the making.
type draft struct {
	table    route.Table
	settings model.Settings
	// of is the Service whose host it is; nil for other hosts.
	of *service
	// adopted is the user's VirtualService that it stands beside; nil for none.
	adopted  *model.VirtualService
	excluded []string
	routes   []userRoute
	// targets are the active Services that a route leads to.
	targets []*service
	// scope lists the namespaces that are to see the table; nil for all.
	scope []string
}

// finishTable translates a draft into a table: first the user's routes for
// requests without any carrier, then for each of them the overrides that it
// can follow, and the route itself.
func (c *compiler) finishTable(d *draft) {
	from, said := c.from(d), len(c.diags)
	if c.recall(d, from) {
		return
	}
	b := &builder{compiler: c, draft: d}
	d.table.ExportTo = d.scope
	if d.of != nil && !slices.Contains(d.targets, d.of) {
		c.say(d.of, diag.VirtualServiceElsewhere, "no route of %s leads to it", d.adopted.Object())
	}
	b.pinDestinations()
	d.table.Routes = make([]route.Route, 0, b.size())
	for i := range d.routes {
		b.ordinary(i)
	}
	for i := range d.routes {
		b.overrides(i)
		b.released(i)
	}
	if d.adopted != nil {
		d.table.Adopted = d.adopted.Namespace + "/" + d.adopted.Name
		c.add(diag.New(diag.VirtualServiceAdopted, d.adopted.Object(), "its routes for %s are taken over by VirtualService %s, for callers in %s",
			strings.Join(d.table.Hosts, ", "), d.table.Name, list(d.scope)).At(d.adopted.Origin))
	}
	if len(d.table.Routes) > manyRoutes {
		c.add(diag.New(diag.TooManyRoutes, diag.Object{Kind: "VirtualService", Namespace: d.table.Namespace, Name: d.table.Name},
			"%d routes in every proxy that calls it", len(d.table.Routes)))
	}
	c.tables = append(c.tables, d.table)
	c.remember(d, from, said)
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
func ownRoutes(s *service) []userRoute {
	if len(s.Ports) == 1 {
		return []userRoute{{destinations: []route.Destination{{Host: s.host}}}}
	}
	var out []userRoute
	for _, p := range sortedPorts(s.Ports) {
		if p.HTTP {
			out = append(out, portRoute(s, p))
		}
	}
	return out
}

func portRoute(s *service, p model.Port) userRoute {
	return userRoute{
		matches:      []route.Match{{Port: p.Number}},
		destinations: []route.Destination{{Host: s.host, Port: p.Number}},
	}
}

// uncoveredPorts are the Service's own routes for ports that the user's
// VirtualService has no route for: there, Istio leaves the Service as it is.
func uncoveredPorts(s *service, routes []userRoute) []userRoute {
	var out []userRoute
	for _, p := range sortedPorts(s.Ports) {
		covered := slices.ContainsFunc(routes, func(r userRoute) bool {
			return len(r.matches) == 0 || slices.ContainsFunc(r.matches, func(m route.Match) bool {
				return m.Port == 0 || m.Port == p.Number
			})
		})
		if p.HTTP && !covered {
			out = append(out, portRoute(s, p))
		}
	}
	return out
}

func sortedPorts(ports []model.Port) []model.Port {
	return slices.SortedFunc(slices.Values(ports), func(a, b model.Port) int { return cmp.Compare(a.Number, b.Number) })
}

// label names the i-th route of a table in access logs: by the name that the
// user gave it, else by its place.
func (d *draft) label(i int) string {
	r := d.routes[i]
	switch {
	case r.name != "":
		return "." + r.name
	case r.base == nil && len(r.matches) == 1 && r.matches[0].Port != 0:
		return fmt.Sprintf(":%d", r.matches[0].Port)
	case len(d.routes) > 1:
		return fmt.Sprintf("#%d", i+1)
	}
	return ""
}
