package envoy

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// RouteName names the only RouteConfiguration of an Envoy.
const RouteName = "outbound"

// addressDomains are the names by which clients call a proxy that they know by address.
var addressDomains = []string{"127.0.0.1:*", "localhost:*"}

// httpPort is the default port of a host.
const httpPort = 80

// routes returns the virtual hosts of all Services. One listener takes the requests for
// all ports, so a Service has a virtual host for each.
func (m *Mesh) routes(proxy Proxy) *routev3.RouteConfiguration {
	out := &routev3.RouteConfiguration{
		Name: RouteName,
		// A route never names a cluster before it exists: see Steps.
		ValidateClusters: wrapperspb.Bool(true),
	}
	for i := range m.services {
		s := &m.services[i]
		for j, port := range s.ports {
			host := m.virtualHost(s, port, proxy)
			if s.host == proxy.Default && j == 0 {
				host.Domains = append(host.Domains, addressDomains...)
			}
			out.VirtualHosts = append(out.VirtualHosts, host)
		}
	}
	return out
}

func (m *Mesh) virtualHost(s *service, port uint32, proxy Proxy) *routev3.VirtualHost {
	out := &routev3.VirtualHost{
		Name:    fmt.Sprintf("%s:%d", s.host, port),
		Domains: domains(s, port, proxy.Caller.Namespace),
	}
	if table := m.tables[s.host]; table != nil && visible(table, proxy.Caller.Namespace) {
		for i := range table.Routes {
			out.Routes = append(out.Routes, m.tableRoutes(&table.Routes[i], port, &proxy.Caller)...)
		}
	}
	// If no row is for this caller and port, Istio uses the plain Service.
	if len(out.GetRoutes()) == 0 {
		out.Routes = []*routev3.Route{{Name: "default", Match: anyRequest(), Action: m.forward([]route.Destination{{Host: s.host}}, port)}}
	}
	return out
}

// domains lists the names of a Service for callers in a namespace, with the port, and
// also without it if it is the default one.
func domains(s *service, port uint32, namespace string) []string {
	qualified := s.name + "." + s.namespace
	names := []string{s.host, qualified, qualified + ".svc"}
	if namespace == s.namespace {
		names = append(names, s.name)
	}
	var out []string
	for _, name := range names {
		if port == httpPort {
			out = append(out, name)
		}
		out = append(out, fmt.Sprintf("%s:%d", name, port))
	}
	slices.Sort(out)
	return out
}

// visible reports whether callers in a namespace see a table.
func visible(table *route.Table, namespace string) bool {
	return len(table.ExportTo) == 0 || slices.ContainsFunc(table.ExportTo, func(to string) bool {
		return to == "*" || to == namespace || (to == "." && table.Namespace == namespace)
	})
}

// tableRoutes translates one row: each alternative that can fit for this caller and port
// becomes a route.
func (m *Mesh) tableRoutes(r *route.Route, port uint32, caller *route.Caller) []*routev3.Route {
	var out []*routev3.Route
	add := func(match *routev3.RouteMatch) {
		made := &routev3.Route{Name: r.Name, Match: match}
		if r.Response != nil {
			respond(made, r.Response)
		} else {
			made.Action = m.forward(r.Destinations, port)
		}
		if r.Served {
			made.ResponseHeadersToAdd = served(&r.Version)
		}
		out = append(out, made)
	}
	if len(r.Matches) == 0 {
		add(anyRequest())
	}
	for i := range r.Matches {
		if match, possible := routeMatch(&r.Matches[i], port, caller); possible {
			add(match)
		}
	}
	return out
}

// served names the version of a row, and the address that served. Here, nothing knows the names of
// workloads.
func served(v *route.Version) []*corev3.HeaderValueOption {
	return []*corev3.HeaderValueOption{{
		Header:       &corev3.HeaderValue{Key: grammar.ServedHeader, Value: v.Member().String() + " %UPSTREAM_REMOTE_ADDRESS%"},
		AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
	}}
}

func respond(out *routev3.Route, r *route.Response) {
	out.Action = &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
		Status: r.Status,
		Body:   &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: r.Body}},
	}}
	if r.Header != "" {
		out.ResponseHeadersToAdd = []*corev3.HeaderValueOption{{
			// Envoy formats the value, where a percent sign has a meaning.
			Header:       &corev3.HeaderValue{Key: r.Header, Value: strings.ReplaceAll(r.Value, "%", "%%")},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}
	}
}

// forward returns an action for destinations, with Istio's defaults: no timeout, and two
// retries of requests that no pod has received.
func (m *Mesh) forward(destinations []route.Destination, port uint32) *routev3.Route_Route {
	const retries, attempts = 2, 5
	action := &routev3.RouteAction{
		Timeout: &durationpb.Duration{},
		RetryPolicy: &routev3.RetryPolicy{
			RetryOn:    "connect-failure,refused-stream,unavailable,cancelled",
			NumRetries: wrapperspb.UInt32(retries),
			RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
				Name:       "envoy.retry_host_predicates.previous_hosts",
				ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: previousHosts()},
			}},
			HostSelectionRetryMaxAttempts: attempts,
		},
	}
	if len(destinations) == 1 {
		action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: m.clusterOf(&destinations[0], port)}
		return &routev3.Route_Route{Route: action}
	}
	weighted := &routev3.WeightedCluster{}
	for i := range destinations {
		weighted.Clusters = append(weighted.Clusters, &routev3.WeightedCluster_ClusterWeight{
			Name:   m.clusterOf(&destinations[i], port),
			Weight: wrapperspb.UInt32(uint32(max(destinations[i].Weight, 0))),
		})
	}
	action.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: weighted}
	return &routev3.Route_Route{Route: action}
}

// clusterOf names the cluster of a destination. Without a port, it is the only port of
// the Service, or else that of the request.
func (m *Mesh) clusterOf(d *route.Destination, port uint32) string {
	if d.Port != 0 {
		port = d.Port
	} else if s := m.service(d.Host); s != nil && len(s.ports) == 1 {
		port = s.ports[0]
	}
	return clusterName(port, d.Subset, d.Host)
}
