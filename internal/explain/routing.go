package explain

import (
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// call is the part of a call that selects the routes in the caller's proxy.
type call struct {
	caller route.Caller
	// host is the host of the called Service, or a host that is not a Service's.
	host string
	// authority is the name in the request; empty if it is host.
	authority string
	// port is the port of the Service.
	port uint32
	// gateway is set if the caller is a gateway.
	gateway bool
}

// routing describes the configuration of proxies. Explain asks it for each hop, and
// decides nothing about it itself.
type routing interface {
	// inForce returns the routes that decide a call.
	inForce(c *call) inForce
	// gatewayOf returns the gateway that has a host, and its port there; nil for none.
	gatewayOf(host string, q *Query) (*caller, uint32)
}

// inForce says which routes decide a call: those of a table, those of a user's
// VirtualService, a Service's own route, or none.
type inForce struct {
	// table is the table of Overrides; nil if it is not in force.
	table *route.Table
	// users is the user's VirtualService, and routes its routes for the caller; zero if
	// it is not in force.
	users  diag.Object
	routes []route.Route
	// own is the host of the Service whose own route is in force. It leads to all pods of
	// the Service.
	own string

	// hidden is set if the host has a table that is not visible to the caller's
	// namespace.
	hidden bool
	// without are the VirtualServices for the host that are visible to the caller but
	// have no route for it on this port.
	without []diag.Object
	// orderMatters is set if the answer depends on ages of VirtualServices that are not
	// known.
	orderMatters bool
	// proxy is the rest of the caller's proxy configuration.
	proxy proxy
}

// proxy describes the clusters of a caller's proxy.
type proxy interface {
	// cluster returns the cluster of a destination.
	cluster(d *route.Destination) mesh.Cluster
	// subset returns the labels of the pods of a cluster's subset; false if there is no
	// such subset.
	subset(c mesh.Cluster) (map[string]string, bool)
}

// meshRouting implements routing by the model of the mesh, with the objects that
// Overrides makes.
type meshRouting struct {
	mesh     *mesh.Mesh
	ours     *mesh.Ours
	snapshot *model.Snapshot
	// kubernetes has the hosts at Kubernetes Gateways that were asked for.
	kubernetes map[string]*kubernetesHost
}

func newRouting(snapshot *model.Snapshot, result *compile.Result) *meshRouting {
	m := mesh.New(snapshot)
	return &meshRouting{mesh: m, ours: m.Ours(result.Tables, result.SubsetRules), snapshot: snapshot, kubernetes: map[string]*kubernetesHost{}}
}

func (r *meshRouting) inForce(c *call) inForce {
	var out inForce
	for i, order := range mesh.Orders(true) {
		found := r.inOrder(c, order)
		if i == 0 {
			out = found
			continue
		}
		out.orderMatters = out.orderMatters || found.table != out.table || found.users != out.users || found.own != out.own
	}
	return out
}

// inOrder answers for one order of the objects whose ages are not known.
func (r *meshRouting) inOrder(c *call, order mesh.Order) inForce {
	if c.gateway {
		return r.atGateway(c, order)
	}
	authority := c.host
	hosts := []string{c.host}
	if c.authority != "" {
		authority = hostOnly(c.authority)
		hosts = append(hosts, authority, r.mesh.Resolve(authority, c.caller.Namespace))
	}
	x := r.mesh.Island(hosts, r.ours, order)
	class := x.Class(c.caller.Namespace, r.revision(c.caller.Namespace), c.caller.Labels)
	out := inForce{proxy: &clusters{x, class, c.port}}
	h := mesh.Lookup(x.VirtualHosts(class, c.port), authority)
	switch {
	case h == nil:
	case h.Source == nil:
		out.own = h.Service.Host
	case h.Source.Ours():
		out.table = h.Source.Table
	default:
		out.users, out.routes = h.Source.Object, routesOf(h)
	}
	for _, s := range x.Sources() {
		switch {
		case !forHost(s, c.host) || (h != nil && h.Source == s) || !reads(class, s):
		case !s.Scope().Includes(c.caller.Namespace):
			out.hidden = out.hidden || s.Ours()
		case !hasRouteFor(s, c):
			out.without = append(out.without, s.Object)
		}
	}
	return out
}

// routesOf returns the routes of a virtual host that is not a table's.
func routesOf(h *mesh.VirtualHost) []route.Route {
	var out []route.Route
	for i := range h.Routes {
		m := &h.Routes[i]
		out = append(out, route.Route{Matches: []route.Match{*m.Match}, Destinations: m.Destinations, Response: m.Response, Base: m.HTTP})
	}
	return out
}

// reads reports whether proxies of a class receive s.
func reads(class *mesh.Class, s *mesh.Source) bool {
	return s.Revision == "" || s.Revision == class.Revision
}

// forHost reports whether s has a host, or a wildcard that covers it.
func forHost(s *mesh.Source, host string) bool {
	return slices.ContainsFunc(s.Hosts, func(h string) bool {
		return h == host || (strings.HasPrefix(h, "*") && strings.HasSuffix(host, h[1:]))
	})
}

// hasRouteFor reports whether s has a route for the caller on the port.
func hasRouteFor(s *mesh.Source, c *call) bool {
	request := &route.Request{Port: c.port, Caller: c.caller}
	return s.Problem != nil || slices.ContainsFunc(s.Routes, func(r mesh.Route) bool {
		only := route.Match{Port: r.Match.Port, SourceLabels: r.Match.SourceLabels, SourceNamespace: r.Match.SourceNamespace}
		return only.Mismatch(request) == nil
	})
}

// revision returns the revision of the proxies of a namespace; empty if it is not known.
func (r *meshRouting) revision(namespace string) string {
	named := r.snapshot.Revisions[namespace]
	if revision, isTag := r.snapshot.Tags[named]; isTag {
		return revision
	}
	return named
}

// clusters are the clusters of the proxies of a class, on one port.
type clusters struct {
	*mesh.Island
	class *mesh.Class
	port  uint32
}

func (x *clusters) cluster(d *route.Destination) mesh.Cluster { return x.Cluster(x.class, x.port, d) }

func (x *clusters) subset(c mesh.Cluster) (map[string]string, bool) {
	s, found := x.Rule(x.class, c.Host).Subset(c.Subset)
	return s.Labels, found
}

// hostOnly returns an authority without its port, in lower case.
func hostOnly(authority string) string {
	host, _, _ := strings.Cut(authority, ":")
	return strings.ToLower(host)
}
