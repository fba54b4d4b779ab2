package prove

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/mesh"
)

// names compares the routes of every class of callers for the names of a host, for every
// possible order of objects.
func (c *comparison) names(host string) {
	alike := c.before.alike(host) && c.after.alike(host)
	found := map[finding]*place{}
	var callers []*mesh.Class
	for i, order := range c.orders(host) {
		b, a := c.before.islands(host, order), c.after.islands(host, order)
		classes, ok := []*mesh.Class{c.after.mesh.AnyCaller()}, true
		if !alike {
			classes, ok = mesh.SharedClasses(b.plain, b.full, a.plain, a.full)
		}
		if !ok {
			c.say(host, "labels tell more than %d classes of callers apart, too many to compare", mesh.MaxLabels)
			return
		}
		if i == 0 {
			callers = classes
			c.compared.Callers += len(classes)
		}
		for _, class := range classes {
			for _, port := range union(b.full.Ports(), a.full.Ports()) {
				l := &lookout{
					comparison: c, host: host, found: found, class: class, first: i == 0,
					plain: [2]view{{c.before, b.plain, b.plain.Here(class), port}, {c.after, a.plain, a.plain.Here(class), port}},
					full:  [2]view{{c.before, b.full, b.full.Here(class), port}, {c.after, a.full, a.full.Here(class), port}},
				}
				l.domains()
			}
		}
	}
	for f, w := range found {
		into := at(c.found, f)
		into.everyone = into.everyone || !slices.ContainsFunc(callers, func(class *mesh.Class) bool {
			return !w.callers[class.String()] && c.mayCall(class, f.host)
		})
		maps.Copy(into.callers, w.callers)
		maps.Copy(into.domains, w.domains)
		maps.Copy(into.ports, w.ports)
	}
}

// orders lists the orders of objects that may matter in one of the states.
func (c *comparison) orders(host string) []mesh.Order {
	before, after := c.before.islands(host, mesh.Order{}).full.Orders(), c.after.islands(host, mesh.Order{}).full.Orders()
	out := slices.Clone(before)
	for _, o := range after {
		if !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// islands are the objects that decide about a host in one state: those of users, and
// those with the objects of Overrides.
type islands struct{ plain, full *mesh.Island }

func (s *side) islands(host string, order mesh.Order) islands {
	return islands{s.mesh.Island([]string{host}, nil, order), s.mesh.Island([]string{host}, s.ours, order)}
}

func union[T uint32 | string](lists ...[]T) []T {
	out := slices.Concat(lists...)
	slices.Sort(out)
	return slices.Compact(out)
}

// view is the configuration of callers of a class on a port in one state.
type view struct {
	*side
	island *mesh.Island
	class  *mesh.Class
	port   uint32
}

// lookout compares the configuration of callers of a class on a port, before and after:
// in plain without the objects of Overrides, in full with them.
type lookout struct {
	*comparison
	host        string
	found       map[finding]*place
	class       *mesh.Class
	first       bool
	plain, full [2]view
	// names are those that are compared at present.
	names []string
}

// say records a difference for the present callers and names.
func (l *lookout) say(host, change string) {
	w := at(l.found, finding{host, change})
	w.callers[l.class.String()] = true
	w.ports[l.full[1].port] = true
	for _, d := range l.names {
		w.domains[d] = true
	}
}

// domains compares all names on the port, and those with the same virtual hosts together.
func (l *lookout) domains() {
	var hosts [4][]mesh.VirtualHost
	var all []string
	for i, v := range []view{l.plain[0], l.plain[1], l.full[0], l.full[1]} {
		hosts[i] = v.island.VirtualHosts(v.class, v.port)
		for j := range hosts[i] {
			all = append(all, hosts[i][j].Domains...)
		}
	}
	names := map[[4]*mesh.VirtualHost][]string{}
	var order [][4]*mesh.VirtualHost
	for _, domain := range union(all) {
		var key [4]*mesh.VirtualHost
		for i := range hosts {
			key[i] = mesh.Lookup(hosts[i], domain)
		}
		if names[key] == nil {
			order = append(order, key)
		}
		names[key] = append(names[key], domain)
	}
	for _, key := range order {
		l.names = names[key]
		if l.first {
			l.compared.Domains += len(l.names)
		}
		if !l.virtualHosts(key[0], key[1], l.users) {
			l.virtualHosts(key[2], key[3], l.reached)
		}
	}
}

// virtualHosts compares the routes of callers for the names, and reports whether there is
// a difference. action compares what routes do, and records differences itself.
func (l *lookout) virtualHosts(before, after *mesh.VirtualHost, action func(host, title string, before, after *mesh.Route) bool) bool {
	domain := l.names[0]
	host := l.about(before, after, domain)
	switch {
	case before == nil && after == nil:
		return false
	case before == nil && after.Service == nil && l.after.mesh.LacksPort(domain, l.full[1].port),
		after == nil && before.Service == nil && l.before.mesh.LacksPort(domain, l.full[0].port):
		return false // see pair.virtualHosts
	case before == nil:
		l.say(host, "requests have no route now, and would take "+describe(after))
		return true
	case after == nil:
		l.say(host, "requests take "+describe(before)+" now, and would have no route")
		return true
	case unknown(before) || unknown(after):
		if unknown(before) && unknown(after) && proto.Equal(before.Source.User.Spec, after.Source.User.Spec) {
			return false
		}
		for _, h := range []*mesh.VirtualHost{before, after} {
			if unknown(h) {
				l.say(host, fmt.Sprintf("the routes of %s are not known: %v", h.Source.Object, h.Source.Problem))
			}
		}
		return true
	}
	b, a := l.steps(before, plain), l.steps(after, plain)
	different := l.routes(host, b, a, action)
	if x, y := l.steps(before, others), l.steps(after, others); !slices.Equal(b, x) || !slices.Equal(a, y) {
		different = l.routes(host, x, y, action) || different
	}
	return different
}

func unknown(h *mesh.VirtualHost) bool { return h.Source != nil && h.Source.Problem != nil }

// about returns the host of a difference for a domain: that of its Service, if it names
// one.
func (l *lookout) about(before, after *mesh.VirtualHost, domain string) string {
	for _, h := range []*mesh.VirtualHost{after, before} {
		if h != nil && h.Service != nil {
			return h.Service.Host
		}
	}
	for _, s := range []*side{l.after, l.before} {
		if named := s.mesh.Named(domain); len(named) > 0 {
			return named[0].Host
		}
	}
	return domain
}

// steps lists the routes of a virtual host that ordinary requests of a kind can take.
func (l *lookout) steps(h *mesh.VirtualHost, kind request) []step {
	var out []step
	for i := range h.Routes {
		r := &h.Routes[i]
		if match, fits := l.meets(r, kind); fits && l.fits(r, kind) {
			out = append(out, step{match, r})
		}
	}
	return reached(out)
}

// routes compares two lists of routes, and reports whether they differ.
func (l *lookout) routes(host string, before, after []step, action func(host, title string, before, after *mesh.Route) bool) bool {
	if l.first {
		l.compared.Routes += len(before)
	}
	different := false
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(after):
			l.say(host, fmt.Sprintf("route %s would be missing", name(before[i].route, i)))
			return true
		case i >= len(before):
			l.say(host, fmt.Sprintf("route %s would be new", name(after[i].route, i)))
			return true
		case before[i].match != after[i].match:
			l.say(host, fmt.Sprintf("route %s would take other requests", name(before[i].route, i)))
			return true
		}
		different = action(host, name(before[i].route, i), before[i].route, after[i].route) || different
	}
	return different
}
