package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/xds/endpoints"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/wellknown"
)

// anyAddress is where a listener listens that takes every address of its port.
const anyAddress = "0.0.0.0"

// Proxy is the sidecar of a calling pod.
type Proxy struct {
	Namespace string
	Labels    map[string]string
}

// sidecar is what a proxy is sent, as far as it was asked for.
type sidecar struct {
	node      *model.Proxy
	listeners []*listenerv3.Listener
	routes    map[string]*routev3.RouteConfiguration
	clusters  map[string]*clusterv3.Cluster
}

// sidecar returns the configuration of p, made on first use. m.mu is held.
func (m *Mesh) sidecar(p Proxy) (*sidecar, error) {
	key := p.Namespace + "/" + labels.Instance(p.Labels).String()
	if s, ok := m.proxies[key]; ok {
		return s, nil
	}
	push := m.env.PushContext()
	node := &model.Proxy{
		Type:            model.SidecarProxy,
		ID:              "caller." + p.Namespace,
		ConfigNamespace: p.Namespace,
		DNSDomain:       p.Namespace + ".svc." + m.domain,
		IPAddresses:     []string{"10.244.255.254"},
		Labels:          maps.Clone(p.Labels),
		IstioVersion:    model.ParseIstioVersion("1.31.0"),
		Metadata: &model.NodeMetadata{
			Namespace:    p.Namespace,
			Labels:       maps.Clone(p.Labels),
			IstioVersion: "1.31.0",
			ClusterID:    cluster.ID(clusterID),
		},
	}
	node.SetSidecarScope(push)
	node.SetServiceTargets(m.env.ServiceDiscovery)
	node.DiscoverIPMode()

	s := &sidecar{
		node:      node,
		listeners: m.generator.BuildListeners(node, push),
		routes:    map[string]*routev3.RouteConfiguration{},
		clusters:  map[string]*clusterv3.Cluster{},
	}
	resources, _ := m.generator.BuildClusters(node, &model.PushRequest{Push: push})
	for _, resource := range resources {
		var c clusterv3.Cluster
		if err := resource.Resource.UnmarshalTo(&c); err != nil {
			return nil, fmt.Errorf("read cluster %s: %w", resource.Name, err)
		}
		s.clusters[c.Name] = &c
	}
	m.proxies[key] = s
	return s, nil
}

// Routes returns the RouteConfiguration that decides over requests that p sends
// to port of the Service to, a fully qualified host; of any host that is no
// Service if to is "". It is an error if that port carries no HTTP for p.
func (m *Mesh) Routes(p Proxy, to string, port uint32) (*routev3.RouteConfiguration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return nil, err
	}
	return m.routesOf(s, to, port)
}

func (m *Mesh) routesOf(s *sidecar, to string, port uint32) (*routev3.RouteConfiguration, error) {
	address := anyAddress
	if i := slices.IndexFunc(m.services, func(svc *model.Service) bool { return string(svc.Hostname) == to }); i >= 0 {
		address = m.services[i].GetAddressForProxy(s.node)
	} else if to != "" {
		return nil, fmt.Errorf("no Service %s", to)
	}
	name, err := routeName(s.listeners, address, port)
	if err != nil {
		return nil, err
	}
	if routes, ok := s.routes[name]; ok {
		return routes, nil
	}
	resources, _ := m.generator.BuildHTTPRoutes(s.node, &model.PushRequest{Push: m.env.PushContext()}, []string{name})
	if len(resources) != 1 {
		return nil, fmt.Errorf("%d route configurations named %s", len(resources), name)
	}
	routes := &routev3.RouteConfiguration{}
	if err := resources[0].Resource.UnmarshalTo(routes); err != nil {
		return nil, fmt.Errorf("read route configuration %s: %w", name, err)
	}
	s.routes[name] = routes
	return routes, nil
}

// routeName returns the name of the RouteConfiguration of the listener that
// takes connections to address and port: the one bound to that very address,
// else the one for every address.
func routeName(listeners []*listenerv3.Listener, address string, port uint32) (string, error) {
	for _, bind := range []string{address, anyAddress} {
		for _, l := range listeners {
			socket := l.GetAddress().GetSocketAddress()
			if socket.GetAddress() != bind || socket.GetPortValue() != port {
				continue
			}
			if name := httpRoutes(l); name != "" {
				return name, nil
			}
			return "", fmt.Errorf("listener %s carries no HTTP", l.Name)
		}
	}
	return "", fmt.Errorf("no listener for %s:%d", address, port)
}

// httpRoutes returns the name of the RouteConfiguration of l, "" if none of its
// filter chains speaks HTTP.
func httpRoutes(l *listenerv3.Listener) string {
	for _, chain := range l.FilterChains {
		for _, filter := range chain.Filters {
			if filter.Name != wellknown.HTTPConnectionManager {
				continue
			}
			var manager hcmv3.HttpConnectionManager
			if err := filter.GetTypedConfig().UnmarshalTo(&manager); err == nil && manager.GetRds() != nil {
				return manager.GetRds().RouteConfigName
			}
		}
	}
	return ""
}

// Clusters returns the names of all clusters that p is sent for Services,
// sorted: "outbound|PORT|SUBSET|HOST".
func (m *Mesh) Clusters(p Proxy) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range s.clusters {
		if strings.HasPrefix(name, string(model.TrafficDirectionOutbound)+"|") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Cluster returns the configuration of one cluster of p, nil if p has none of
// that name.
func (m *Mesh) Cluster(p Proxy, name string) (*clusterv3.Cluster, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return nil, err
	}
	return s.clusters[name], nil
}

// endpoints returns the names of the pods behind a cluster, sorted.
func (m *Mesh) endpoints(s *sidecar, cluster string) []string {
	if !model.IsValidSubsetKey(cluster) {
		return nil
	}
	builder := endpoints.NewEndpointBuilder(cluster, s.node, m.env.PushContext())
	assignment := builder.BuildClusterLoadAssignment(m.env.EndpointIndex)
	var names []string
	for _, locality := range assignment.GetEndpoints() {
		for _, endpoint := range locality.GetLbEndpoints() {
			address := endpoint.GetEndpoint().GetAddress().GetSocketAddress()
			name, ok := m.pods[address.GetAddress()]
			if !ok {
				name = address.GetAddress() + ":" + strconv.Itoa(int(address.GetPortValue()))
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
