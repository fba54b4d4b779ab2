package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"istio.io/istio/pilot/pkg/model"
	core "istio.io/istio/pilot/pkg/networking/core/route"
)

// HostView is a virtual host of a proxy, in short.
type HostView struct {
	Name    string
	Domains []string
	Routes  []RouteView
}

// RouteView is a route of a virtual host, in short.
type RouteView struct {
	Name string
	// VirtualService is "namespace/name" of the route's VirtualService, "" for a Service
	// without one.
	VirtualService string
	// Clusters are the clusters of its destinations, Mirrors those of its mirrors.
	Clusters []string
	Mirrors  []string
	// CatchesAll is set if the route takes every request.
	CatchesAll bool
}

// Hosts returns all virtual hosts for requests of p to port of the Service to, or to
// hosts that are not Services if to is "", in Envoy's order. It fails as Routes does.
func (m *Mesh) Hosts(p Proxy, to string, port uint32) ([]HostView, error) {
	routes, err := m.Routes(p, to, port)
	if err != nil {
		return nil, err
	}
	var out []HostView
	for _, host := range routes.GetVirtualHosts() {
		out = append(out, viewOfHost(host))
	}
	return out, nil
}

// Host returns the virtual host for requests with an authority, nil for none. It fails as
// Routes does.
func (m *Mesh) Host(p Proxy, to string, port uint32, authority string) (*HostView, error) {
	routes, err := m.Routes(p, to, port)
	if err != nil || routes == nil {
		return nil, err
	}
	host := virtualHost(routes, authority)
	if host == nil {
		return nil, nil //nolint:nilnil // no virtual host fits
	}
	view := viewOfHost(host)
	return &view, nil
}

// GatewayHosts returns the virtual hosts of a gateway, by the name of each route
// configuration.
func (m *Mesh) GatewayHosts(p Proxy) (map[string][]HostView, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil || s.node.MergedGateway == nil {
		return nil, err
	}
	out := map[string][]HostView{}
	for name := range s.node.MergedGateway.ServersByRouteName {
		resources, _ := m.generator.BuildHTTPRoutes(s.node, &model.PushRequest{Push: m.env.PushContext()}, []string{name})
		for _, resource := range resources {
			routes := &routev3.RouteConfiguration{}
			if err := resource.Resource.UnmarshalTo(routes); err != nil {
				return nil, fmt.Errorf("read route configuration %s: %w", name, err)
			}
			for _, host := range routes.GetVirtualHosts() {
				out[name] = append(out[name], viewOfHost(host))
			}
		}
	}
	return out, nil
}

func viewOfHost(host *routev3.VirtualHost) HostView {
	view := HostView{Name: host.Name, Domains: host.Domains}
	for _, route := range host.Routes {
		view.Routes = append(view.Routes, viewOf(route))
	}
	return view
}

func viewOf(route *routev3.Route) RouteView {
	out := RouteView{Name: route.Name, VirtualService: configOf(route.GetMetadata(), "virtual-service"), CatchesAll: core.IsCatchAllRoute(route)}
	action := route.GetRoute()
	if weighted := action.GetWeightedClusters(); weighted != nil {
		for _, c := range weighted.Clusters {
			out.Clusters = append(out.Clusters, c.Name)
		}
	} else if cluster := action.GetCluster(); cluster != "" {
		out.Clusters = []string{cluster}
	}
	for _, mirror := range action.GetRequestMirrorPolicies() {
		out.Mirrors = append(out.Mirrors, mirror.Cluster)
	}
	return out
}

// Rules returns the DestinationRule of each cluster of p for a Service, as
// "namespace/name": the object that Istio calls its config, the oldest of merged ones, ""
// for none.
func (m *Mesh) Rules(p Proxy) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, cluster := range s.clusters {
		if isOutbound(name) {
			out[name] = configOf(cluster.GetMetadata(), "destination-rule")
		}
	}
	return out, nil
}

// Clusters returns the names of all clusters that p receives for Services, sorted:
// "outbound|PORT|SUBSET|HOST".
func (m *Mesh) Clusters(p Proxy) ([]string, error) {
	rules, err := m.Rules(p)
	return slices.Sorted(maps.Keys(rules)), err
}

func isOutbound(cluster string) bool {
	return strings.HasPrefix(cluster, string(model.TrafficDirectionOutbound)+"|")
}

// configOf returns the object of kind in metadata, as "namespace/name": istiod writes its
// path as on an API server.
func configOf(metadata *corev3.Metadata, kind string) string {
	path := metadata.GetFilterMetadata()["istio"].GetFields()["config"].GetStringValue()
	_, path, _ = strings.Cut(path, "/namespaces/")
	namespace, rest, _ := strings.Cut(path, "/")
	if name, ok := strings.CutPrefix(rest, kind+"/"); ok {
		return namespace + "/" + name
	}
	return ""
}
