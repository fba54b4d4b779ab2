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
	for i, after := range c.gatewaysWith() {
		p := &pair{checker: c, before: c.mesh.Gateways(nil, after.Order()), after: after}
		for _, class := range c.mesh.GatewayClasses() {
			p.class = class
			if i == 0 {
				c.report.Compared.Callers++
			}
			p.gatewayHosts()
		}
	}
}

// gatewaysWith returns what decides at gateways with the objects of Overrides, for every
// possible order.
func (c *checker) gatewaysWith() []*mesh.Island {
	if c.withGateways == nil {
		first := c.mesh.Gateways(c.ours, mesh.Order{})
		for _, order := range first.Orders() {
			c.withGateways = append(c.withGateways, c.mesh.Gateways(c.ours, order))
		}
	}
	return c.withGateways
}

// gatewayHosts compares the hosts of the listeners of gateway pods.
func (p *pair) gatewayHosts() {
	type place struct{ listener, domain string }
	before := map[place]*mesh.GatewayHost{}
	hosts := p.before.GatewayHosts(p.class)
	for i := range hosts {
		before[place{hosts[i].Listener, hosts[i].Domains[0]}] = &hosts[i]
	}
	for _, after := range p.after.GatewayHosts(p.class) {
		ours := ourPart(&after)
		at := place{after.Listener, after.Domains[0]}
		was := before[at]
		delete(before, at)
		if ours == nil {
			continue // routes of the same objects are the same
		}
		p.port, p.object = after.Port, ours.Object
		p.report.Compared.Domains++
		if was == nil {
			p.failGateway(&after, "requests have no route of this host now, and would take %s", describe(&after.VirtualHost))
			continue
		}
		p.gatewayHost(was, &after, ours)
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
