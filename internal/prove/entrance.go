package prove

import (
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// entrance is a way from a gateway, an Ingress or a route of the Gateway API to a Service.
type entrance struct {
	compile.Door

	// subset is the one that it leads to; empty for the whole Service.
	subset string
	// modelled is set if the model of the mesh says where ordinary requests go: for HTTP at
	// gateways that are known.
	modelled bool
}

// gatewayRoute is a route that ordinary requests take at a gateway, to a cluster.
type gatewayRoute struct {
	island *mesh.Island
	class  *mesh.Class
	to     mesh.Cluster
	// users are the names of the VirtualServices of users that it is from.
	users []string
}

// entrance returns the door of e, for the Service.
func (f *doorFinder) entrance(e entrance) compile.Door {
	switch d := e.Door; {
	case e.modelled:
		d.Pinned = !f.openAtGateway(d.Name)
		return d
	case e.subset != "":
		d.Pinned = !f.userSubsetHolds(e.subset)
		return d
	default:
		return d
	}
}

// openAtGateway reports whether ordinary requests by the routes of a VirtualService at
// gateways reach previews.
func (f *doorFinder) openAtGateway(name string) bool {
	return slices.ContainsFunc(f.atGateways[f.service.Host], func(r gatewayRoute) bool {
		if !slices.Contains(r.users, name) || !r.island.Exists(r.class, r.to) {
			return false
		}
		subset, _ := r.island.Rule(r.class, r.to.Host).Subset(r.to.Subset)
		return f.holds(subset.Labels)
	})
}

// userSubsetHolds reports whether a user's subset has a preview, or is not known.
func (f *doorFinder) userSubsetHolds(name string) bool {
	found := false
	for _, r := range f.mesh.UserRules(f.service.Host) {
		for _, s := range r.Subsets {
			if s.Name == name {
				found = true
				if f.holds(s.Labels) {
					return true
				}
			}
		}
	}
	return !found
}

// indexGateways indexes the entrances, and the routes of ordinary requests at gateways.
func (c *checker) indexGateways() {
	for i := range c.snapshot.VirtualServices {
		if v := &c.snapshot.VirtualServices[i]; mesh.BoundToGateways(v.Spec.GetGateways()) {
			c.indexGateway(v)
		}
	}
	for i := range c.snapshot.Entrances {
		e := &c.snapshot.Entrances[i]
		for _, s := range e.Services {
			c.enter(c.mesh.FQDN(s[1], s[0]), entrance{Door: compile.Door{Kind: compile.DoorEntrance, Name: e.Object().String()}})
		}
	}
	c.indexGatewayRoutes()
}

func (c *checker) enter(host string, e entrance) {
	host = c.mesh.Concrete(host)
	if !slices.Contains(c.entrances[host], e) {
		c.entrances[host] = append(c.entrances[host], e)
	}
}

// indexGateway indexes where a VirtualService leads from gateways.
func (c *checker) indexGateway(v *model.VirtualService) {
	door := compile.Door{Kind: compile.DoorGateway, Name: v.Object().String()}
	modelled := c.knowsGateways(v)
	to := func(d *istioapi.Destination) {
		if d.GetHost() != "" {
			c.enter(c.mesh.Resolve(d.GetHost(), v.Namespace), entrance{Door: door, subset: d.GetSubset()})
		}
	}
	if source := c.mesh.GatewaySource(v); source != nil && source.Problem == nil {
		for i := range source.Routes {
			for _, d := range destinationsOf(&source.Routes[i]) {
				c.enter(d.Host, entrance{Door: door, subset: d.Subset, modelled: modelled})
			}
		}
	} else {
		for _, h := range v.Spec.GetHttp() {
			for _, r := range h.GetRoute() {
				to(r.GetDestination())
			}
			to(h.GetMirror())
			for _, m := range h.GetMirrors() {
				to(m.GetDestination())
			}
		}
	}
	for _, t := range v.Spec.GetTcp() {
		for _, r := range t.GetRoute() {
			to(r.GetDestination())
		}
	}
	for _, t := range v.Spec.GetTls() {
		for _, r := range t.GetRoute() {
			to(r.GetDestination())
		}
	}
}

// knowsGateways reports whether the routes of v, its gateways and their pods are known.
func (c *checker) knowsGateways(v *model.VirtualService) bool {
	source := c.mesh.GatewaySource(v)
	return source != nil && source.Problem == nil && !slices.ContainsFunc(source.Gateways, func(name string) bool {
		g := c.mesh.Gateway(name)
		return g == nil || !c.mesh.HasGatewayPods(g)
	})
}

// indexGatewayRoutes indexes the routes that ordinary requests take at gateways.
func (c *checker) indexGatewayRoutes() {
	c.atGateways = map[string][]gatewayRoute{}
	for _, v := range c.gatewayViews() {
		for i := range v.hosts {
			for _, kind := range []request{plain, others} {
				c.takenAtGateway(&v, &v.hosts[i], kind)
			}
		}
	}
}

// takenAtGateway indexes the routes of a host that a kind of ordinary requests takes.
func (c *checker) takenAtGateway(v *gatewayView, h *mesh.GatewayHost, kind request) {
	var taken []step
	for i := range h.Routes {
		if match, fits := c.meets(&h.Routes[i], kind); fits {
			taken = append(taken, step{match, &h.Routes[i]})
		}
	}
	add := func(r *mesh.Route, d *route.Destination) {
		to := v.island.Cluster(v.class, h.Port, d)
		c.atGateways[to.Host] = append(c.atGateways[to.Host], gatewayRoute{v.island, v.class, to, usersOf(r.From())})
	}
	for _, s := range reached(taken) {
		for i := range s.route.Destinations {
			if d := &s.route.Destinations[i]; d.Weight > 0 || len(s.route.Destinations) == 1 {
				add(s.route, d)
			}
		}
		for i := range s.route.Mirrors {
			add(s.route, &s.route.Mirrors[i])
		}
	}
}

// usersOf names the VirtualServices of users that the routes of a source are from.
func usersOf(s *mesh.Source) []string {
	if !s.Ours() {
		return []string{s.Object.String()}
	}
	var out []string
	for _, name := range s.Table.Adopted {
		out = append(out, s.Object.Kind+" "+name)
	}
	return out
}
