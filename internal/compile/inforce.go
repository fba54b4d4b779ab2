package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// claim says whose routes callers of one namespace get by a domain.
type claim struct {
	// sources are the user's VirtualServices, each for some callers, ports or, if ages are
	// not known, orders.
	sources []*mesh.Source
	// own are, for each source, the ports on which some callers get the Service's own
	// route, among callers whose istiod reads the source.
	own map[*mesh.Source]map[uint32]bool
	// open are the ports on which some callers of a source get routes that don't match
	// every request: a request that they don't match must stay without an answer.
	open map[uint32]bool
	// service is set if the Service's own route is in force for some callers.
	service bool
}

// add adds the routes that callers of a class get on a port.
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

// inForce has the routes in force for a domain, by namespace of the callers.
type inForce map[string]*claim

// claims asks the model of the mesh whose routes callers get by a domain of the hosts on
// ports; nil if no object of a user decides. It reports false if there are too many
// kinds of callers to tell apart.
func (ix *index) claims(host, domain string, ports []uint32) (inForce, bool) {
	if !ix.mesh.Touched(host) {
		return nil, true
	}
	var out inForce
	for _, x := range ix.islandsOf(host) {
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

// routesInForce says whose routes callers of a Service get.
type routesInForce struct {
	// claims is nil if no object of a user decides.
	claims  inForce
	tooMany bool
	// picked are the routes to take over; found is set if there are such.
	picked pick
	found  bool
}

func findRoutes(ix *index, s *service) *routesInForce {
	claims, ok := ix.claims(s.host, s.host, httpPorts(s.Ports))
	out := &routesInForce{claims: claims, tooMany: !ok, found: ok}
	if claims != nil {
		out.picked, out.found = claims.choose(s.Namespace, ix.callerNamespaces(&s.settings, []*service{s}, false))
	}
	return out
}

func hasServiceRoute(in *skipInput) string {
	if r := in.ix.serviceRoute(in.service.Service); r != nil {
		return r.Object().String() + " is attached to it"
	}
	return ""
}

func hasTooManyCallers(in *skipInput) string {
	if in.routes.tooMany {
		return tooManyCallers()
	}
	return ""
}

// sources are the VirtualServices in force in the namespace of the Service, where none
// could be picked.
func (in *skipInput) sources() []*mesh.Source {
	if own := in.routes.claims[in.service.Namespace]; own != nil {
		return own.sources
	}
	return nil
}

func hasNoCallers(in *skipInput) string {
	if in.routes.found || len(in.sources()) > 0 {
		return ""
	}
	return "no namespace is known in which callers have it"
}

func isScopedElsewhere(in *skipInput) string {
	sources := in.sources()
	if in.routes.found || len(sources) != 1 {
		return ""
	}
	return fmt.Sprintf("%s is exported to %s", sources[0].Object, enumerate(sources[0].Scope().Namespaces))
}

func isAmbiguous(in *skipInput) string {
	sources := in.sources()
	if in.routes.found || len(sources) < 2 {
		return ""
	}
	why := "none of them has a route for all ports and callers"
	if sources[0].Created.IsZero() || sources[1].Created.IsZero() {
		why = "their ages are not known"
	}
	names := []string{sources[0].Object.String(), sources[1].Object.String()}
	slices.Sort(names)
	return fmt.Sprintf("%s and %s are both for this host, and %s", names[0], names[1], why)
}

// uses says what callers get, as in "use VirtualService shop/cart".
func (c *claim) uses() string {
	if len(c.sources) == 0 {
		return "use the Service without any routes"
	}
	var names []string
	for _, s := range c.sources {
		names = append(names, s.Object.String())
	}
	slices.Sort(names)
	return "use " + enumerate(names)
}

// pick is the routes that a table takes over.
type pick struct {
	// source is the user's VirtualService; nil for the Service's own routes.
	source *mesh.Source
	// namespaces are those of callers that get these routes now; nil for all.
	namespaces []string
	// ownPorts are the ports on which some of these callers get the Service's own route. A
	// table can have it behind the user's routes, which leave no request to it.
	ownPorts map[uint32]bool
	// others are the namespaces of callers that get other routes, with these.
	others map[string]*claim
}

// choose picks the routes that are in force for callers in the Service's own namespace, or,
// if a table could not outrank these, those that are in force in the most namespaces. It
// reports false if none can be picked.
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

// want returns the routes that a table in a namespace could take the place of for a
// caller's namespace: those of one source, which proxies there look at after a table that
// names their namespace, or the Service's own. It reports false for none.
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

// httpPorts are the numbers of ports that carry HTTP, sorted.
func httpPorts(ports []model.Port) []uint32 {
	var out []uint32
	for _, p := range sortedPorts(ports) {
		if p.HTTP {
			out = append(out, p.Number)
		}
	}
	return out
}
