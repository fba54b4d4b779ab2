package prove

import (
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
)

// gateways proves the tables for gateways: each host of each listener keeps its routes, for
// all known pods of gateways.
func (c *checker) gateways() {
	if len(c.ours.OnGateways()) == 0 {
		return
	}
	p := &pair{checker: c}
	for _, v := range c.gatewayViews() {
		if v.island != p.after {
			p.before, p.after = c.mesh.Gateways(nil, v.island.Order()), v.island
		}
		if v.island == c.views[0].island {
			c.report.Compared.Callers++
		}
		p.class = v.class
		p.gatewayHosts(v.hosts)
	}
}

// gatewayView is what the gateway pods of a class have with the objects of Overrides, in one
// of the possible orders.
type gatewayView struct {
	island *mesh.Island
	class  *mesh.Class
	hosts  []mesh.GatewayHost
}

// gatewayViews returns what all gateway pods have, for every possible order.
func (c *checker) gatewayViews() []gatewayView {
	if c.views == nil {
		first := c.mesh.Gateways(c.ours, mesh.Order{})
		for _, order := range first.Orders() {
			x := c.mesh.Gateways(c.ours, order)
			for _, class := range c.mesh.GatewayClasses() {
				c.views = append(c.views, gatewayView{x, class, x.GatewayHosts(class)})
			}
		}
	}
	return c.views
}

// gatewayHosts compares the hosts of the listeners of gateway pods.
func (p *pair) gatewayHosts(after []mesh.GatewayHost) {
	type place struct{ listener, domain string }
	before := map[place]*mesh.GatewayHost{}
	hosts := p.before.GatewayHosts(p.class)
	for i := range hosts {
		before[place{hosts[i].Listener, hosts[i].Domains[0]}] = &hosts[i]
	}
	for i := range after {
		now := &after[i]
		ours := ourPart(now)
		if ours == nil {
			continue // routes of the same objects are the same
		}
		p.port, p.object = now.Port, ours.Object
		p.report.Compared.Domains++
		was := before[place{now.Listener, now.Domains[0]}]
		if was == nil {
			p.failGateway(now, "requests have no route of this host now, and would take %s", describe(&now.VirtualHost))
			continue
		}
		p.gatewayHost(was, now, ours)
	}
}

// ourPart returns the first table among the parts of a host; nil for none.
func ourPart(h *mesh.GatewayHost) *mesh.Source {
	for _, p := range h.Parts {
		if p.Source.Ours() {
			return p.Source
		}
	}
	return nil
}

// gatewayHost compares the routes of a host that a table has a part in.
func (p *pair) gatewayHost(before, after *mesh.GatewayHost, ours *mesh.Source) {
	for _, part := range before.Parts {
		if part.Source.Problem != nil {
			p.failGateway(after, "the routes of %s are not known: %v", part.Source.Object, part.Source.Problem)
			return
		}
	}
	now := after.VirtualHost
	now.Source = ours
	p.routes(after.Listener+" "+after.Domains[0], &before.VirtualHost, &now)
}

// failGateway records a change for each table among the parts of a host.
func (p *pair) failGateway(after *mesh.GatewayHost, format string, args ...any) {
	failed := map[diag.Object]bool{}
	for _, part := range after.Parts {
		if s := part.Source; s.Ours() && !failed[s.Object] {
			failed[s.Object] = true
			one := mesh.VirtualHost{Source: s}
			p.fail(after.Listener+" "+after.Domains[0], &one, format, args...)
		}
	}
}
