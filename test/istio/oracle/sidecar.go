package oracle

import (
	"fmt"
	"maps"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/wellknown"
)

// anyAddress is the address of a listener for every address of its port.
const anyAddress = "0.0.0.0"

// Proxy is the sidecar of a calling pod, or a gateway.
type Proxy struct {
	Namespace string
	Labels    map[string]string
	// Gateway is set for a gateway, which Gateway objects select by Labels.
	Gateway bool
}

// sidecar is a proxy's configuration, as far as it was needed.
type sidecar struct {
	node      *model.Proxy
	listeners []*listenerv3.Listener
	routes    map[string]*routev3.RouteConfiguration
	clusters  map[string]*clusterv3.Cluster
}

// sidecar returns the configuration of p, created on first use. m.mu must be held.
func (m *Mesh) sidecar(p Proxy) (*sidecar, error) {
	key := fmt.Sprint(p.Gateway, " ", p.Namespace, "/", labels.Instance(p.Labels))
	if s, ok := m.proxies[key]; ok {
		return s, nil
	}
	push := m.env.PushContext()
	node := m.node(p, push)
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

// node is istiod's state of p once it is connected.
func (m *Mesh) node(p Proxy, push *model.PushContext) *model.Proxy {
	node := &model.Proxy{
		Type:            model.SidecarProxy,
		ID:              "caller." + p.Namespace,
		ConfigNamespace: p.Namespace,
		DNSDomain:       p.Namespace + ".svc." + m.domain,
		IPAddresses:     []string{"10.244.255.254"},
		Labels:          maps.Clone(p.Labels),
		IstioVersion:    model.ParseIstioVersion(proxyVersion),
		Metadata: &model.NodeMetadata{
			Namespace:    p.Namespace,
			Labels:       maps.Clone(p.Labels),
			IstioVersion: proxyVersion,
			ClusterID:    cluster.ID(clusterID),
		},
	}
	if p.Gateway {
		node.Type = model.Router
		at := slices.IndexFunc(m.gateways, func(o pod) bool { return o.namespace == p.Namespace && maps.Equal(o.labels, p.Labels) })
		if at >= 0 {
			node.IPAddresses = []string{m.gateways[at].address}
		}
	}
	node.SetSidecarScope(push)
	node.SetServiceTargets(m.env.ServiceDiscovery)
	node.SetGatewaysForProxy(push)
	node.DiscoverIPMode()
	return node
}

// Routes returns the RouteConfiguration for requests that p sends to port of the Service
// to, a fully qualified host; to a host that is not a Service if to is "". It returns an
// error if that port is not HTTP for p, and nil if p has no listener for it.
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
	address, err := m.address(s, to)
	if err != nil {
		return nil, err
	}
	listener := s.listener(address, port)
	if listener == nil {
		return nil, nil //nolint:nilnil // what has no listener has no routes
	}
	name := httpRoutes(listener)
	if name == "" {
		return nil, fmt.Errorf("listener %s carries no HTTP", listener.Name)
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

// address returns the address that a client connects to for to: the Service's, even if to
// is an alias of it.
func (m *Mesh) address(s *sidecar, to string) (string, error) {
	if to == "" {
		return anyAddress, nil
	}
	for range len(m.services) {
		i := slices.IndexFunc(m.services, func(svc *model.Service) bool { return string(svc.Hostname) == to })
		if i < 0 {
			return "", fmt.Errorf("no Service %s", to)
		}
		svc := m.services[i]
		if behind := m.behind[to]; svc.Resolution == model.Passthrough && len(behind) > 0 {
			return behind[0].address, nil // a headless Service: that of a pod
		}
		if svc.Resolution != model.Alias {
			return svc.GetAddressForProxy(s.node), nil
		}
		next := svc.Attributes.ExternalName
		if !slices.ContainsFunc(m.services, func(svc *model.Service) bool { return string(svc.Hostname) == next }) {
			return anyAddress, nil // somewhere outside
		}
		to = next
	}
	return "", fmt.Errorf("%s is an alias of itself", to)
}

// listener returns the listener for connections to address and port: the one bound to
// that address, else the one for every address, else nil.
func (s *sidecar) listener(address string, port uint32) *listenerv3.Listener {
	for _, bind := range []string{address, anyAddress} {
		for _, l := range s.listeners {
			socket := l.GetAddress().GetSocketAddress()
			if socket.GetAddress() == bind && socket.GetPortValue() == port && l.Name != model.VirtualOutboundListenerName {
				return l
			}
		}
	}
	return nil
}

// httpRoutes returns the name of the RouteConfiguration of l, "" if none of its filter
// chains is HTTP.
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

// Cluster returns the configuration of a cluster of p, nil if p has none with that name.
func (m *Mesh) Cluster(p Proxy, name string) (*clusterv3.Cluster, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return nil, err
	}
	return s.clusters[name], nil
}
