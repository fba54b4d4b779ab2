package compile

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// draftHosts starts the table of the hosts of v that are no active Services,
// where v leads to one that is: its destinations are to be pinned, and
// overrides followed, there too. It returns nil where there is nothing to do.
func (c *compiler) draftHosts(source *mesh.Source, others []*draft) *draft {
	v := source.User
	if !c.leadsToActive(source) || slices.ContainsFunc(others, func(d *draft) bool { return d.adopted == v && len(d.table.Hosts) > 1 }) {
		return nil
	}
	d := &draft{
		table:   route.Table{Namespace: v.Namespace, Owner: v.Name, Revision: v.Revision},
		adopted: v, scoped: true,
	}
	if c.otherHosts(d, source); len(d.table.Hosts) == 0 {
		return nil
	}
	routes, problem := c.readRoutes(source)
	if problem != nil {
		c.refuse(v, problem.Code, "%s", problem.Message)
		return nil
	}
	d.routes = routes
	return d
}

// otherHosts gives d the hosts of source that are no active Services and for which it is
// in force, verbatim, and the namespaces in which that is so for all of them.
func (c *compiler) otherHosts(d *draft, source *mesh.Source) {
	v := source.User
	for i, host := range source.Hosts {
		if s := c.byHost[host]; s != nil && s.active() {
			continue
		}
		within, problem := c.withinOf(source, host)
		if problem != nil {
			c.refuse(v, problem.Code, "it leads to Services with several versions, but host %s can't be adopted: %s", host, problem.Message)
		}
		if len(within) == 0 {
			continue
		}
		d.table.Hosts = append(d.table.Hosts, source.Verbatim(i))
		if d.within == nil {
			d.within = within
		}
		d.within = keep(d.within, func(n string) bool { return slices.Contains(within, n) })
	}
}

// withinOf lists the namespaces in which callers get the routes of source by a host, and
// a table could take its place; by a wildcard, for all Services under it that have no
// table of their own.
func (c *compiler) withinOf(source *mesh.Source, host string) ([]string, *diag.Diagnostic) {
	domains := []string{host}
	if under := c.mesh.Under(host); strings.HasPrefix(host, "*") && len(under) > 0 {
		domains = nil
		for _, s := range under {
			if own := c.byHost[s.Host]; own == nil || !own.active() {
				domains = append(domains, s.Host)
			}
		}
	}
	var within []string
	for i, domain := range domains {
		claims, ok := c.claims(domain, domain, c.portsUnder(source, domain))
		if !ok {
			d := diag.New(diag.TooManyCallers, source.Object, "more than %d kinds of callers are told apart by labels", mesh.MaxLabels)
			return nil, &d
		}
		var found []string
		ambiguous := ""
		for _, n := range slices.Sorted(maps.Keys(claims)) {
			x := claims[n]
			switch want, ok := x.want(n, source.Namespace); {
			case n == mesh.Elsewhere:
			case ok && want == source:
				found = append(found, n)
			case slices.Contains(x.sources, source):
				ambiguous = x.uses()
			}
		}
		if ambiguous != "" && len(found) == 0 {
			d := diag.New(diag.VirtualServiceAmbiguous, source.Object, "callers %s", ambiguous)
			return nil, &d
		}
		if i == 0 {
			within = found
		}
		within = keep(within, func(n string) bool { return slices.Contains(found, n) })
	}
	return within, nil
}

// portsUnder lists the ports on which a domain may have routes of source.
func (c *compiler) portsUnder(source *mesh.Source, domain string) []uint32 {
	if s := c.mesh.Service(domain); s != nil {
		return httpPorts(s.Ports)
	}
	return c.portsOf(source)
}

// portsOf lists the ports on which hosts of source may have routes that are no Services:
// those of the Services beside them, and 80.
func (c *compiler) portsOf(source *mesh.Source) []uint32 {
	out := []uint32{80}
	for _, h := range source.Hosts {
		if s := c.mesh.Service(h); s != nil {
			out = append(out, httpPorts(s.Ports)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
