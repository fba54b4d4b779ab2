package compile

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// draftHosts starts the table of the hosts of a source that are no active Services, if the
// source leads to an active Service: there too destinations are pinned and overrides
// followed. It returns nil if there is nothing to do.
func (x *drafter) draftHosts(source *mesh.Source, others []*draft) *draft {
	v := source.User
	if !x.leadsToActive(source) || slices.ContainsFunc(others, func(d *draft) bool { return d.adopted == v && len(d.table.Hosts) > 1 }) {
		return nil
	}
	d := &draft{
		table:   route.Table{Namespace: v.Namespace, Owner: v.Name, Revision: v.Revision},
		adopted: v, scoped: true,
	}
	if x.otherHosts(d, source); len(d.table.Hosts) == 0 {
		return nil
	}
	routes, k := adoptRoutes(&skipInput{ix: x.ix, source: source}, x.services, x.r)
	if k != nil {
		return nil
	}
	d.routes = routes
	return d
}

// leadsToActive reports whether a route of source leads, or copies requests, to an active
// Service.
func (x *drafter) leadsToActive(source *mesh.Source) bool { return len(x.activeOf(source)) > 0 }

// activeOf lists the active Services that the routes of source lead, or copy requests, to.
func (x *drafter) activeOf(source *mesh.Source) []*service {
	var out []*service
	for i := range source.Routes {
		r := &source.Routes[i]
		for _, d := range slices.Concat(r.Destinations, r.Mirrors) {
			if s := x.services.active(x.ix.mesh.Concrete(d.Host)); s != nil && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// otherHosts gives d the hosts of source that are no active Services and that it is in
// force for, verbatim, and the namespaces in which it is in force for all of them.
func (x *drafter) otherHosts(d *draft, source *mesh.Source) {
	for i, host := range source.Hosts {
		if x.services.active(host) != nil {
			continue
		}
		within, k := x.withinOf(source, host)
		if k != nil {
			x.r.reject(source.User, k.code, "it leads to Services with several versions, but host %s can't be adopted: %s", host, k.why)
		}
		if len(within) == 0 {
			continue
		}
		d.table.Hosts = append(d.table.Hosts, source.Verbatim(i))
		if d.within == nil {
			d.within = within
		}
		d.within = filter(d.within, func(n string) bool { return slices.Contains(within, n) })
	}
}

// withinOf lists the namespaces in which callers get the routes of source by a host, and
// a table could take its place; by a wildcard, for all Services under it that have no table
// of their own.
func (x *drafter) withinOf(source *mesh.Source, host string) ([]string, *skip) {
	domains := []string{host}
	if under := x.ix.mesh.Under(host); strings.HasPrefix(host, "*") && len(under) > 0 {
		domains = nil
		for _, s := range under {
			if x.services.active(s.Host) == nil {
				domains = append(domains, s.Host)
			}
		}
	}
	var within []string
	for i, domain := range domains {
		claims, ok := x.ix.claims(domain, domain, portsUnder(x.ix, source, domain))
		if !ok {
			return nil, &skip{diag.TooManyCallers, tooManyCallers()}
		}
		found, ambiguous := claims.of(source)
		if ambiguous != "" && len(found) == 0 {
			return nil, &skip{diag.VirtualServiceAmbiguous, "callers " + ambiguous}
		}
		if i == 0 {
			within = found
		}
		within = filter(within, func(n string) bool { return slices.Contains(found, n) })
	}
	return within, nil
}

// of lists the namespaces of callers for which a table could take the place of source, and
// says what callers get that get the routes of source beside others.
func (f inForce) of(source *mesh.Source) (found []string, ambiguous string) {
	for _, n := range slices.Sorted(maps.Keys(f)) {
		x := f[n]
		switch want, ok := x.want(n, source.Namespace); {
		case n == mesh.Elsewhere:
		case ok && want == source:
			found = append(found, n)
		case slices.Contains(x.sources, source):
			ambiguous = x.uses()
		}
	}
	return found, ambiguous
}

// portsUnder lists the ports on which a domain may have routes of source.
func portsUnder(ix *index, source *mesh.Source, domain string) []uint32 {
	if s := ix.mesh.Service(domain); s != nil {
		return httpPorts(s.Ports)
	}
	return portsOf(ix, source)
}

// portsOf lists the ports on which hosts of source that are no Services may have routes:
// those of the Services beside them, and 80.
func portsOf(ix *index, source *mesh.Source) []uint32 {
	out := []uint32{80}
	for _, h := range source.Hosts {
		if s := ix.mesh.Service(h); s != nil {
			out = append(out, httpPorts(s.Ports)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
