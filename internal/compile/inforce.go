package compile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// claim is whose routes callers of one namespace get by a domain.
type claim struct {
	// sources are the user's VirtualServices, each for some callers, ports or, where
	// ages are not known, orders.
	sources []*mesh.Source
	// own are the ports on which some callers get the Service's own route: those of
	// which the istiod reads the source, else all.
	own map[*mesh.Source]map[uint32]bool
	// open are the ports on which some callers of a source get routes that don't take
	// every request: what they don't take must stay without an answer.
	open map[uint32]bool
	// service is set where the Service's own route is in force for some callers.
	service bool
}

// add notes what callers of a class get on a port.
func (c *claim) add(class *mesh.Class, port uint32, h *mesh.VirtualHost, among []*mesh.Source) {
	if h.Source != nil {
		if !slices.Contains(c.sources, h.Source) {
			c.sources = append(c.sources, h.Source)
		}
		if n := len(h.Routes); n == 0 || !mesh.CatchesAll(h.Routes[n-1].Match) {
			c.open[port] = true
		}
		return
	}
	c.service = true
	for _, s := range among {
		if s.Revision != "" && s.Revision != class.Revision {
			continue
		}
		if c.own[s] == nil {
			c.own[s] = map[uint32]bool{}
		}
		c.own[s][port] = true
	}
}

// inForce says whose routes are in force for a domain, by namespace of the callers.
type inForce map[string]*claim

// claims asks the model of the mesh whose routes callers get by a domain of the hosts
// on ports. Where nothing of users decides, there is nothing to ask, and it returns
// nil. It reports false if there are too many kinds of callers to tell apart.
func (c *compiler) claims(host, domain string, ports []uint32) (inForce, bool) {
	if !c.mesh.Touched(host) {
		return nil, true
	}
	var out inForce
	for _, x := range c.islandsOf(host) {
		classes, ok := x.Classes()
		if !ok {
			return nil, false
		}
		if out == nil {
			out = inForce{}
		}
		for _, class := range classes {
			for _, port := range ports {
				h := mesh.Lookup(x.VirtualHosts(class, port), domain)
				if h == nil {
					continue
				}
				for _, n := range append([]string{class.Namespace}, class.Namespaces...) {
					if out[n] == nil {
						out[n] = &claim{own: map[*mesh.Source]map[uint32]bool{}, open: map[uint32]bool{}}
					}
					out[n].add(class, port, h, x.Sources())
				}
			}
		}
	}
	return out, true
}

// islandsOf returns what decides about a host, for every order of objects that may
// matter. It is made once for each host.
func (c *compiler) islandsOf(host string) []*mesh.Island {
	if out, known := c.islands[host]; known {
		return out
	}
	first := c.mesh.Island([]string{host}, nil, mesh.Order{})
	out := []*mesh.Island{first}
	for _, order := range first.Orders() {
		if order != first.Order() {
			out = append(out, c.mesh.Island([]string{host}, nil, order))
		}
	}
	c.islands[host] = out
	return out
}

// pick is the choice of whose routes a table takes over.
type pick struct {
	// source is the user's VirtualService; nil for the Service's own routes.
	source *mesh.Source
	// namespaces are those of callers that get these now; nil for all there are.
	namespaces []string
	// ownPorts are those on which some of them get the Service's own route, which a table
	// can have behind the others: these leave no request to it.
	ownPorts map[uint32]bool
	// others are namespaces of callers that get something else, by what.
	others map[string]*claim
}

// choose picks the routes that are in force for callers in namespace, the Service's
// own, or if a table could not outrank these, those that are in force in the most
// namespaces. It reports false where none can be picked.
func (f inForce) choose(namespace string, known []string) (pick, bool) {
	count := map[*mesh.Source]int{}
	best, found := (*mesh.Source)(nil), false
	for _, n := range known {
		if want, ok := f[n].want(n, namespace); ok {
			count[want]++
		}
	}
	if want, ok := f[namespace].want(namespace, namespace); ok {
		best, found = want, true
	} else {
		for _, want := range slices.SortedFunc(maps.Keys(count), compareSources) {
			if !found || count[want] > count[best] {
				best, found = want, true
			}
		}
	}
	out := pick{source: best, ownPorts: map[uint32]bool{}, others: map[string]*claim{}}
	open := map[uint32]bool{}
	scoped := best != nil
	for _, n := range append([]string{mesh.Elsewhere}, known...) {
		want, ok := f[n].want(n, namespace)
		switch {
		case f[n] == nil:
			scoped = true
		case !ok || want != best:
			scoped = true
			out.others[n] = f[n]
		case n == mesh.Elsewhere:
		default:
			out.namespaces = append(out.namespaces, n)
			maps.Copy(out.ownPorts, f[n].own[best])
			maps.Copy(open, f[n].open)
		}
	}
	maps.DeleteFunc(out.ownPorts, func(port uint32, _ bool) bool { return open[port] })
	if !scoped {
		out.namespaces = nil
	}
	return out, found
}

// want is what a table of ours in a namespace could take the place of, for callers of
// another one: one source, which proxies there look for behind a table that names
// their namespace, or the Service's own routes.
func (c *claim) want(caller, namespace string) (*mesh.Source, bool) {
	switch {
	case c == nil || len(c.sources) > 1:
		return nil, false
	case len(c.sources) == 0:
		return nil, true
	}
	return c.sources[0], c.sources[0].OutrankedIn(caller, namespace)
}

func compareSources(a, b *mesh.Source) int {
	switch {
	case a == b:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Object.Name, b.Object.Name))
}

// httpPorts are those of ports that carry HTTP, sorted.
func httpPorts(ports []model.Port) []uint32 {
	var out []uint32
	for _, p := range sortedPorts(ports) {
		if p.HTTP {
			out = append(out, p.Number)
		}
	}
	return out
}
