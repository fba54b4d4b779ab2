package compile

import (
	"cmp"
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// targets lists the active Services that a route of a table for some Services leads to,
// whose overrides it follows: first these Services, as far as one of the destinations stands
// for them, then those that are destinations themselves.
func (x *services) targets(of []*service, destinations []route.Destination) []*service {
	var out []*service
	for _, s := range of {
		if s.active() && slices.ContainsFunc(destinations, func(d route.Destination) bool { return standsFor(x.byHost[d.Host], s) }) {
			out = append(out, s)
		}
	}
	for _, d := range destinations {
		if t := x.active(d.Host); t != nil && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// targets lists the active Services whose overrides the i-th route follows.
func (b *builder) targets(i int) []*service {
	return b.services.targets(b.draft.of, b.routes[i].destinations)
}

// mirrored lists the active Services that routes copy requests to.
func mirrored(ix *index, all *services, routes []userRoute) []*service {
	var out []*service
	for i := range routes {
		for _, to := range mirrorsOf(routes[i].base) {
			if s := all.active(ix.mesh.Concrete(to.GetHost())); s != nil && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// standsFor reports whether a route to d may be meant for requests for s: d is s itself, an
// isolated version of it, a Service with pods in common, or one that the same Canary or
// Rollout steers, such as the stable and canary Services of a progressive delivery.
func standsFor(d, s *service) bool {
	switch {
	case d == nil:
		return false
	case d == s:
		return true
	case d.Namespace != s.Namespace:
		return slices.ContainsFunc(s.isolated, func(iso isolated) bool { return iso.service == d.Service })
	case d.IsVersionOf(s.Service), d.Steered.Name != "" && d.Steered == s.Steered:
		return true
	}
	for _, mine := range s.pods {
		for _, theirs := range d.pods {
			if mine.Workload == theirs.Workload {
				return true
			}
		}
	}
	return false
}

// destination returns where requests for v go that leave by the i-th route: to the user's
// destination for the Service, with only the pods changed.
func (b *builder) destination(i int, t *service, v *version) (route.Destination, bool) {
	users := b.routes[i].destinations
	at := slices.IndexFunc(users, func(d route.Destination) bool { return standsFor(b.services.byHost[d.Host], t) })
	out := users[max(at, 0)]
	out.Weight = 0
	of := b.draft.attached
	switch {
	case v.isolated == nil && of != nil:
		return out, t.runsOnly(v)
	case v.isolated == nil:
		out.Host, out.Subset = t.host, v.subset
		return out, true
	case of != nil && !b.ix.permits(of.Namespace, v.isolated.service):
		return out, false
	}
	port, ok := portOf(v.isolated.service, t.Service, out.Port)
	if !ok {
		b.r.report(t.Service, diag.IsolatedUnreachable, "version %s: Service %s has other ports, and a route names no port", v.name, v.isolated.service.Name)
		return out, false
	}
	out.Host, out.Subset, out.Port = v.isolated.host, "", port
	return out, true
}

// runsOnly reports whether all pods behind s run v, so that s needs no subset for it.
func (s *service) runsOnly(v *version) bool {
	return !slices.ContainsFunc(s.pods, func(p backend) bool { return p.version != v.name })
}

// portOf returns the port of iso for a destination of t on port; zero, which means the port
// of the request, if that is right for every port of t.
func portOf(iso, t *model.Service, port uint32) (uint32, bool) {
	same := true
	for _, p := range t.Ports {
		q := uint32(0)
		if p.HTTP {
			q = isolatedPort(iso, t, p)
			same = same && q == p.Number
		}
		if p.HTTP && (p.Number == port || (port == 0 && len(t.Ports) == 1)) {
			if port == 0 && q == p.Number {
				return 0, true
			}
			return q, true
		}
	}
	return 0, port == 0 && same
}

// pinDestinations turns every destination and mirror that is a Service without a subset into
// its released pods.
func (b *builder) pinDestinations() {
	for i := range b.routes {
		r := &b.routes[i]
		r.pinned = slices.ContainsFunc(r.destinations, func(d route.Destination) bool { return len(b.partsOf(d.Host, d.Subset)) > 0 })
		r.destinations = b.pinned(r.destinations)
		for _, to := range mirrorsOf(r.base) {
			r.pinned = b.pinMirror(to) || r.pinned
		}
	}
}

// pinMirror pins d, which belongs to a copy, and reports whether it did. If a pin has several
// parts, it takes the one with the largest share.
func (b *builder) pinMirror(d *istioapi.Destination) bool {
	host := b.ix.mesh.Concrete(d.GetHost())
	parts := b.partsOf(host, d.GetSubset())
	if len(parts) == 0 || !b.seesSubsets(b.services.byHost[host]) {
		return false
	}
	d.Host = host
	largest := slices.MaxFunc(parts, func(x, y part) int { return cmp.Compare(x.weight, y.weight) })
	d.Subset = largest.subset
	return true
}

// mirrorsOf lists the destinations that a route copies requests to.
func mirrorsOf(r *istioapi.HTTPRoute) []*istioapi.Destination {
	var out []*istioapi.Destination
	if r.GetMirror() != nil {
		out = append(out, r.GetMirror())
	}
	for _, m := range r.GetMirrors() {
		if m.GetDestination() != nil {
			out = append(out, m.GetDestination())
		}
	}
	return out
}

// seesSubsets reports whether all callers that see the table see the subsets of s too.
func (b *builder) seesSubsets(s *service) bool {
	scope := b.draft.scope
	if scope == nil {
		return s.subsets.visible == nil && len(s.subsets.hiddenIn) == 0
	}
	return !slices.ContainsFunc(scope, func(n string) bool { return !s.subsets.seenFrom(n) })
}

// partsOf returns the pin of the Service of a host; none for a subset.
func (b *builder) partsOf(host, subset string) []part {
	if t := b.services.active(host); t != nil && subset == "" {
		return t.pin.parts
	}
	return nil
}

// pinned replaces each destination that is a pinned Service by the parts of the pin, which
// divide its share.
func (b *builder) pinned(in []route.Destination) []route.Destination {
	var out []route.Destination
	shares := make([]share, 0, len(in))
	for _, d := range in {
		s := share{weight: d.Weight}
		if len(in) == 1 {
			s.weight = 1
		}
		parts := b.partsOf(d.Host, d.Subset)
		if len(parts) == 0 {
			out = append(out, d)
		}
		for _, p := range parts {
			pinned := d
			pinned.Subset = p.subset
			out, s.parts = append(out, pinned), append(s.parts, p.weight)
		}
		shares = append(shares, s)
	}
	for i, weight := range weigh(shares) {
		out[i].Weight = weight
	}
	return out
}

func compareCallers(a, b model.Caller) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Label, b.Label))
}

func sortedPorts(ports []model.Port) []model.Port {
	return slices.SortedFunc(slices.Values(ports), func(a, b model.Port) int { return cmp.Compare(a.Number, b.Number) })
}
