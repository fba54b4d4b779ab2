package compiletest

import (
	istioapi "istio.io/api/networking/v1alpha3"
)

// routes draws the HTTP routes of a VirtualService about f.
func (d *draw) routes(f focus, namespace string) []*istioapi.HTTPRoute {
	out := HTTPRoutes(false).Draw(d.t, "routes")
	for _, r := range out {
		d.lead(r, f, namespace)
		d.match(r)
	}
	d.narrow(out)
	if d.has(Delegates) && d.oneIn(2, "delegating") {
		out = append(out, d.delegating())
	}
	if d.oneIn(2, "for all others") {
		last := &istioapi.HTTPRoute{Route: destinations(d.t)}
		d.lead(last, f, namespace)
		out = append(out, last)
	}
	return out
}

// lead gives a route destinations, and what else it does with requests.
func (d *draw) lead(r *istioapi.HTTPRoute, f focus, namespace string) {
	for _, to := range r.Route {
		d.aim(to.Destination, f, namespace)
	}
	if d.has(Weights) && len(r.Route) > 1 {
		weights := pick(d, "weights", []int32{100, 0}, []int32{1_000_000, 1}, []int32{1 << 30, 1<<30 - 1}, []int32{0, 7})
		for i, to := range r.Route {
			to.Weight = weights[i]
		}
	}
	if d.has(Kept) {
		d.keep(r)
	}
	if r.Mirror != nil {
		d.aim(r.Mirror, f, namespace)
	}
	if d.has(Mirrors) && len(r.Route) > 0 && d.oneIn(2, "mirrors") {
		d.mirror(r)
	}
}

// aim gives a destination one of the hosts that fit the shapes, and a subset.
func (d *draw) aim(to *istioapi.Destination, f focus, namespace string) {
	if to.Host != "cart-alone" || d.oneIn(2, "no isolated version") {
		to.Host = d.destination(f, namespace)
	}
	if d.has(Subsets) && d.oneIn(2, "with a subset") {
		to.Subset = pick(d, "subset", "v1", "v1", "v2", "stable", "all")
	}
	if d.has(WideSubsets) && d.oneIn(3, "wide subset") {
		to.Subset = pick(d, "name of the wide subset", "stable", "all")
	}
	if d.has(PortRoutes) && d.oneIn(4, "to a port") {
		to.Port = &istioapi.PortSelector{Number: pick[uint32](d, "to port", 80, 9090, 8080)}
	}
}

// mirror has a route copy requests to Services that it does not lead to.
func (d *draw) mirror(r *istioapi.HTTPRoute) {
	target := func() *istioapi.Destination {
		to := &istioapi.Destination{Host: pick(d, "mirrored to", fqdn("cart", "shop"), fqdn("web", "shop"), fqdn("cart", "lab"), fqdn("web", "lab"))}
		if d.has(Aliases) && d.oneIn(3, "mirrored to an alias") {
			to.Host = fqdn("alias", "shop")
		}
		if d.has(Subsets) && d.oneIn(3, "mirrored to a subset") {
			to.Subset = pick(d, "mirrored subset", "v1", "stable")
		}
		return to
	}
	if d.oneIn(2, "one mirror") {
		r.Mirror, r.Mirrors = target(), nil
		r.MirrorPercentage = pick(d, "mirrored share", nil, &istioapi.Percent{Value: 50})
		return
	}
	r.Mirror, r.MirrorPercentage = nil, nil
	for range pick(d, "mirrors", 1, 2) {
		r.Mirrors = append(r.Mirrors, &istioapi.HTTPMirrorPolicy{
			Destination: target(), Percentage: pick(d, "share of a mirror", nil, &istioapi.Percent{Value: 12.5}),
		})
	}
}

// delegating draws a route that leaves requests to another VirtualService, which may
// be missing, and may be in conflict with it.
func (d *draw) delegating() *istioapi.HTTPRoute {
	r := &istioapi.HTTPRoute{Delegate: &istioapi.Delegate{
		Name:      pick(d, "delegate", "delegate", "delegate", "delegate", "missing"),
		Namespace: pick(d, "namespace of the delegate", "shop", "lab", ""),
	}}
	switch pick(d, "delegated", "all", "path", "exact path", "header") {
	case "path":
		r.Match = []*istioapi.HTTPMatchRequest{{Uri: prefix("/api")}}
	case "exact path":
		r.Match = []*istioapi.HTTPMatchRequest{{Uri: exact("/api")}}
	case "header":
		r.Match = []*istioapi.HTTPMatchRequest{{Headers: map[string]*istioapi.StringMatch{"x-user": exact("ann")}}}
	}
	return r
}

// narrow makes all routes of a VirtualService ones for some callers, ports or gateways.
func (d *draw) narrow(routes []*istioapi.HTTPRoute) {
	byCaller := d.has(CallerRoutes) && d.oneIn(2, "for some callers only")
	byPort := d.has(PortRoutes) && d.oneIn(2, "for some ports only")
	byGateway := d.has(Gateways) && d.oneIn(4, "for some gateways only")
	if !byCaller && !byPort && !byGateway {
		return
	}
	for _, r := range routes {
		if len(r.Match) == 0 {
			r.Match = []*istioapi.HTTPMatchRequest{{}}
		}
		for _, m := range r.Match {
			if byCaller {
				d.forCallers(m)
			}
			if byPort {
				m.Port = pick[uint32](d, "for port", 80, 80, 9090, 8080)
			}
			if byGateway {
				m.Gateways = pick(d, "match gateways", []string{"mesh"}, []string{publicGateway}, []string{"mesh", publicGateway})
			}
		}
	}
}
