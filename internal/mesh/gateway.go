package mesh

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// GatewayName returns the full name of a gateway, "namespace/name", as an object of a
// namespace names it (pilot/pkg/model: resolveGatewayName).
func GatewayName(name, namespace string) string {
	if name == meshGateway {
		return name
	}
	if of, rest, found := strings.Cut(name, "/"); found {
		if of == private {
			return namespace + "/" + rest
		}
		return name
	}
	short, host, dotted := strings.Cut(name, ".")
	if !dotted {
		return namespace + "/" + name
	}
	of, _, _ := strings.Cut(host, ".")
	return of + "/" + short
}

// gatewaysOf lists the gateways that a VirtualService applies to.
func gatewaysOf(v *model.VirtualService) []string {
	var out []string
	for _, name := range v.Spec.GetGateways() {
		if name = GatewayName(name, v.Namespace); name != meshGateway && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// gatewaySource returns a user's VirtualService as gateways see it.
func (m *Mesh) gatewaySource(v *model.VirtualService) *Source {
	s := m.sourceOf(v)
	s.Gateways = gatewaysOf(v)
	s.Routes, s.Dropped, s.Problem = m.routesOnGateways(v)
	s.listDestinations()
	return s
}

// routesOnGateways returns the routes of v for gateways.
func (m *Mesh) routesOnGateways(v *model.VirtualService) ([]Route, []Dropped, error) {
	flat, from, dropped := m.flattenFrom(v)
	if unknown := m.unknownFields(v); unknown != nil {
		return nil, dropped, unknown
	}
	var out []Route
	for i, h := range flat {
		r := m.routeOf(v, h)
		r.Index, r.Delegated = i, from[i]
		if len(h.GetMatch()) == 0 {
			r.Match = everything
			out = append(out, r)
		}
		for j, in := range h.GetMatch() {
			r.Gateways = slices.DeleteFunc(slices.Clone(in.GetGateways()), func(g string) bool { return g == meshGateway })
			if len(in.GetGateways()) > 0 && len(r.Gateways) == 0 {
				continue // for sidecars only
			}
			match, err := readMatch(in)
			if err != nil {
				return nil, dropped, &MatchError{Route: i, Err: fmt.Errorf("match[%d].%w", j, err)}
			}
			r.Match = &match
			out = append(out, r)
		}
	}
	return out, dropped, nil
}

// GatewaySource returns the user's VirtualService as gateways see it; nil if it does not
// apply to them.
func (m *Mesh) GatewaySource(v *model.VirtualService) *Source { return m.onGateways.byUser[v] }

// GatewaySources lists the user's VirtualServices that apply to gateways, by namespace and
// name.
func (m *Mesh) GatewaySources() []*Source { return m.onGateways.all }

// GatewayClasses lists the pods of gateways that are known, those with the same labels in a
// namespace as one class; one for each revision that they may have, if that is not known.
func (m *Mesh) GatewayClasses() []*Class {
	var out []*Class
	var named []string
	for _, p := range m.snapshot.GatewayPods {
		if revision, known := m.revisionOf(p.Namespace); known {
			out = append(out, GatewayClass(p, revision))
			continue
		}
		if named == nil {
			named = append([]string{""}, m.revisionsAtGateways()...)
		}
		for _, revision := range named {
			out = append(out, GatewayClass(p, revision))
		}
	}
	return out
}

// revisionsAtGateways lists the revisions of objects that count for gateways.
func (m *Mesh) revisionsAtGateways() []string {
	seen := map[string]bool{}
	for _, s := range m.onGateways.all {
		seen[s.Revision] = true
	}
	for i := range m.snapshot.Gateways {
		seen[m.snapshot.Gateways[i].Revision] = true
	}
	for i := range m.snapshot.DestinationRules {
		seen[m.snapshot.DestinationRules[i].Revision] = true
	}
	for i := range m.snapshot.ServiceEntries {
		seen[m.snapshot.ServiceEntries[i].Revision] = true
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// GatewayClass returns the class of pods of gateways.
func GatewayClass(p model.GatewayPods, revision string) *Class {
	return &Class{Namespace: p.Namespace, Namespaces: []string{p.Namespace}, Labels: p.Labels, Revision: revision, gateway: true}
}

// Gateways collects the objects that decide what gateways do, with those of Overrides if
// ours is not nil.
func (m *Mesh) Gateways(ours *Ours, order Order) *Island {
	x := &Island{mesh: m, ours: ours, order: order, atGateways: true}
	x.addSources(m.onGateways.all)
	if ours != nil {
		x.addSources(ours.onGateways.all)
	}
	for _, s := range x.sources {
		x.reach(s)
	}
	return x
}

// OnGateways lists the tables for gateways.
func (o *Ours) OnGateways() []*Source { return o.onGateways.all }

// GatewayHost is a virtual host of gateway pods. Its Source is that of its first routes.
type GatewayHost struct {
	VirtualHost

	// Listener names its route configuration, as in "http.80".
	Listener string
	Port     uint32
	// Written is its domain as objects write it.
	Written string
	// Parts are the VirtualServices whose routes it has, in order.
	Parts []GatewayPart
}

// GatewayPart is a VirtualService that has routes for a host, and the gateway by which.
type GatewayPart struct {
	Gateway string
	Source  *Source
}

// GatewayHosts lists the virtual hosts of gateway pods (pilot/pkg/networking/core:
// buildGatewayHTTPRouteConfig).
func (x *Island) GatewayHosts(class *Class) []GatewayHost {
	sources := x.seenAtGateway(class)
	if len(sources) == 0 {
		return nil
	}
	var out []GatewayHost
	at := map[[2]string]int{}
	for _, s := range x.mesh.servers(class, x.order) {
		for _, source := range sources {
			if !slices.Contains(source.Gateways, s.gateway) {
				continue
			}
			routes := routesAtGateway(source, class, &s)
			if len(routes) == 0 && source.Problem == nil {
				continue
			}
			for _, host := range intersect(s.hostsFor(source.Namespace), source.written) {
				domain := strings.ToLower(host)
				i, known := at[[2]string{s.listener, domain}]
				if !known {
					i = len(out)
					at[[2]string{s.listener, domain}] = i
					out = append(out, GatewayHost{Listener: s.listener, Port: s.port, Written: host})
					out[i].Domains, out[i].Source, out[i].Routes = []string{domain}, source, slices.Clip(routes)
				} else {
					out[i].Routes = append(out[i].Routes, routes...)
				}
				out[i].Parts = append(out[i].Parts, GatewayPart{s.gateway, source})
			}
		}
	}
	for i := range out {
		if len(out[i].Parts) > 1 { // the routes of one end with such a route
			out[i].Routes = catchAllLast(out[i].Routes)
		}
	}
	return out
}

// catchAllLast moves routes that match every request behind all others, as Istio does for
// the virtual hosts of gateways (pilot/pkg/networking/core/route: SortVHostRoutes).
func catchAllLast(routes []Route) []Route {
	out := make([]Route, 0, len(routes))
	for _, last := range []bool{false, true} {
		for i := range routes {
			if routes[i].catchesAll() == last {
				out = append(out, routes[i])
			}
		}
	}
	return out
}

// seenAtGateway lists the sources that gateway pods see, in order (pilot/pkg/model:
// PushContext.VirtualServicesForGateway).
func (x *Island) seenAtGateway(class *Class) []*Source {
	return x.seenSources(class, func(*Source) bool { return true })
}

// routesAtGateway lists the routes of a source on a server.
func routesAtGateway(source *Source, class *Class, s *server) []Route {
	out := applying(source.Routes, func(r *Route) bool {
		return (r.Gateways == nil || slices.Contains(r.Gateways, s.gateway)) && r.appliesTo(class, s.port)
	})
	for i := range out {
		out[i].from = source
	}
	return out
}

// intersect lists the more specific one of each pair of hosts that have names in common
// (pkg/config/host: Names.Intersection).
func intersect(a, b []string) []string {
	var out []string
	add := func(h string) {
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	for _, x := range a {
		for _, y := range b {
			if subsetOf(x, y) {
				add(x)
			} else if subsetOf(y, x) {
				add(y)
			}
		}
	}
	return out
}

// clusterAtGateway completes the cluster of a destination of a Service, for gateway pods. A
// Service with one port is meant on that port (pilot/pkg/networking/core:
// buildNameToServiceMapForHTTPRoutes).
func (x *Island) clusterAtGateway(s *Service, class *Class, d *route.Destination, out Cluster) Cluster {
	if s == nil || !s.seenBy(class) {
		return out
	}
	if d.Port == 0 && len(s.Ports) == 1 {
		out.Port = s.Ports[0].Number
	}
	if s.Stands != "" {
		out.Host = s.Stands
	}
	return out
}

// indexGateways indexes the Gateways by full name.
func (m *Mesh) indexGateways() {
	m.gateways = make(map[string]*model.Gateway, len(m.snapshot.Gateways))
	for i := range m.snapshot.Gateways {
		g := &m.snapshot.Gateways[i]
		m.gateways[g.Namespace+"/"+g.Name] = g
	}
}

// Gateway returns the Gateway of a full name; nil if there is none.
func (m *Mesh) Gateway(name string) *model.Gateway { return m.gateways[name] }

// HasGatewayPods reports whether pods of a Gateway are known.
func (m *Mesh) HasGatewayPods(g *model.Gateway) bool {
	return slices.ContainsFunc(m.snapshot.GatewayPods, func(p model.GatewayPods) bool { return g.Selects(p.Labels) })
}

// AcceptsOnGateway reports whether the servers of a Gateway that have a host for
// VirtualServices of one namespace have it for those of another namespace, too.
func AcceptsOnGateway(g *model.Gateway, host, from, to string) bool {
	for _, in := range g.Spec.GetServers() {
		s := server{hosts: qualified(in.GetHosts(), g.Namespace)}
		has := func(namespace string) bool {
			return slices.Contains(intersect(s.hostsFor(namespace), []string{host}), host)
		}
		if has(from) && !has(to) {
			return false
		}
	}
	return true
}
