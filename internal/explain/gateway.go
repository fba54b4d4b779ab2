package explain

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// gatewayOf returns the pods of gateways that have the host of a query, and the port of the
// listener that has it: those in the namespace of From, if it names one, and the port that the
// query names. Of several, gateways with the very host come first, then those in the query's
// namespace. It returns nil if there are none.
func (r *meshRouting) gatewayOf(host string, q *Query) (*caller, uint32) {
	var out *caller
	var port uint32
	best := -1
	x := r.mesh.Gateways(r.ours, mesh.Order{})
	for _, class := range r.mesh.GatewayClasses() {
		if q.From != "" && !strings.HasSuffix(q.From, "."+class.Namespace) && !strings.HasPrefix(q.From, class.Namespace+"/") {
			continue
		}
		for _, h := range x.GatewayHosts(class) {
			if mesh.Lookup([]mesh.VirtualHost{h.VirtualHost}, host) == nil || q.Port != 0 && h.Port != q.Port {
				continue
			}
			rank := 0
			if slices.Contains(h.Domains, host) {
				rank += 2
			}
			if class.Namespace == q.Namespace {
				rank++
			}
			if rank > best {
				best, port = rank, h.Port
				out = &caller{name: "gateway", namespace: class.Namespace, labels: class.Labels}
			}
		}
	}
	if out != nil {
		return out, port
	}
	if h := r.kubernetesHost(host); h != nil && (q.From == "" || strings.HasSuffix(q.From, "."+h.gateway.namespace)) {
		return h.gateway, h.port
	}
	return nil, 0
}

// atGateway answers for a call that a gateway makes.
func (r *meshRouting) atGateway(c *call, order mesh.Order) inForce {
	x := r.mesh.Gateways(r.ours, order)
	out := inForce{}
	for _, class := range r.mesh.GatewayClasses() {
		if class.Namespace != c.caller.Namespace || !maps.Equal(class.Labels, c.caller.Labels) {
			continue
		}
		var hosts []mesh.VirtualHost
		for _, h := range x.GatewayHosts(class) {
			if h.Port == c.port {
				hosts = append(hosts, h.VirtualHost)
			}
		}
		out.proxy = &clusters{x, class, c.port}
		h := mesh.Lookup(hosts, hostOnly(cmp.Or(c.authority, c.host)))
		switch {
		case h == nil:
		case h.Source.Ours():
			out.table = h.Source.Table
		default:
			out.users, out.routes = h.Source.Object, routesOf(h)
		}
		return out
	}
	if k := r.kubernetesHost(hostOnly(cmp.Or(c.authority, c.host))); k != nil {
		return r.atKubernetesGateway(c, k, order)
	}
	return out
}

// notFollowed are the codes of diagnostics that say why a gateway does not follow overrides of
// a Service.
var notFollowed = []diag.Code{diag.GatewayRoutes, diag.GatewayNeedsService, diag.GatewayNeedsGrant, diag.EntranceNotPinned}

// noteNotFollowed notes why a gateway does not follow an override that the request has: what
// is known about the Services of the route that it takes instead.
func (e *evaluation) noteNotFollowed(taken *route.Route) {
	if e.arrival == nil || taken.Kind == route.Override {
		return
	}
	services := []*entry{e.services[[2]string{taken.Version.Namespace, taken.Version.Service}]}
	for i := range taken.Destinations {
		services = append(services, e.byHost[e.found.proxy.cluster(&taken.Destinations[i]).Host])
	}
	for _, s := range services {
		if s == nil {
			continue
		}
		members := e.carried.about(s.Name)
		for _, d := range e.result.Diagnostics {
			if !slices.Contains(notFollowed, d.Code) || d.Object != s.Object() || len(members) == 0 {
				continue
			}
			n := Note{Severity: d.Severity, Message: "Service " + s.Name + "." + s.Namespace + ": " + d.Message, Fix: d.Fix}
			if taken.Kind != route.Unavailable && slices.ContainsFunc(members, func(m grammar.Member) bool { return m.Strict }) {
				n.Severity, n.Message = diag.Warning, unanswered+n.Message
			}
			if !slices.Contains(e.notes, n) {
				e.notes = append(e.notes, n)
			}
		}
	}
}
