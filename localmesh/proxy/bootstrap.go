package proxy

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// Mark is the socket mark (SO_MARK) of a proxy's outbound connections.
	Mark = 1337
	// AdminPort is the port of Envoy's admin interface, on loopback of its pod.
	AdminPort = 15000

	statusPort     = 15021
	prometheusPort = 15090
	trustDomain    = "cluster.local"

	// Linux's numbers, not those of the machine that compiles this.
	solSocket = 1
	soMark    = 36

	xdsCluster   = "xds-grpc"
	sdsCluster   = "sds-grpc"
	adminCluster = "prometheus_stats"
)

// Type is the role of a proxy.
type Type string

// The types of proxies that this package makes.
const (
	Sidecar Type = "sidecar"
	Router  Type = "router"
)

// Options describe a proxy.
type Options struct {
	Type Type
	IP   netip.Addr
	// Env is the proxy container's environment. Bootstrap reads POD_NAME, POD_NAMESPACE,
	// SERVICE_ACCOUNT, PROXY_CONFIG and ISTIO_META_….
	Env map[string]string
	// Labels and Annotations are the pod's.
	Labels, Annotations map[string]string
	// IstioVersion is the version that the proxy reports, such as 1.31.0.
	IstioVersion string
	// XDS is istiod's plaintext address, IP:PORT.
	XDS string
	// SDS is the path of the certificates' socket.
	SDS string
}

// Bootstrap returns the configuration with which Envoy starts, as JSON.
func Bootstrap(o Options) ([]byte, error) {
	node, err := node(o)
	if err != nil {
		return nil, err
	}
	clusters, err := clusters(o)
	if err != nil {
		return nil, err
	}
	listeners, err := listeners()
	if err != nil {
		return nil, err
	}
	runtime, err := runtimeLayer(o.Env)
	if err != nil {
		return nil, err
	}
	matcher, err := statsMatcher(o)
	if err != nil {
		return nil, err
	}
	overload, err := connectionLimit()
	if err != nil {
		return nil, err
	}
	config := &bootstrapv3.Bootstrap{
		Node:             node,
		Admin:            &bootstrapv3.Admin{Address: tcpAddress("127.0.0.1", AdminPort)},
		LayeredRuntime:   &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{runtime, adminLayer()}},
		StatsConfig:      stats(matcher),
		DynamicResources: dynamic(),
		StaticResources:  &bootstrapv3.Bootstrap_StaticResources{Clusters: clusters, Listeners: listeners},
		OverloadManager:  overload,
		ClusterManager:   &bootstrapv3.ClusterManager{UpstreamBindConfig: marked()},
	}
	data, err := protojson.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode bootstrap: %w", err)
	}
	return data, nil
}

// marked binds upstream connections to any address, and marks them.
func marked() *corev3.BindConfig {
	return &corev3.BindConfig{
		SourceAddress: &corev3.SocketAddress{Address: "0.0.0.0", PortSpecifier: &corev3.SocketAddress_PortValue{}},
		SocketOptions: []*corev3.SocketOption{{
			Level: solSocket, Name: soMark, Value: &corev3.SocketOption_IntValue{IntValue: Mark}, State: corev3.SocketOption_STATE_PREBIND,
		}},
	}
}

// dynamic says that istiod provides everything else, and to wait for it forever.
func dynamic() *bootstrapv3.Bootstrap_DynamicResources {
	ads := func() *corev3.ConfigSource {
		return &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			InitialFetchTimeout:   durationpb.New(0),
			ResourceApiVersion:    corev3.ApiVersion_V3,
		}
	}
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: ads(),
		CdsConfig: ads(),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: xdsCluster},
			}}},
		},
	}
}

func clusters(o Options) ([]*clusterv3.Cluster, error) {
	xds, err := netip.ParseAddrPort(o.XDS)
	if err != nil {
		return nil, fmt.Errorf("parse address of istiod: %w", err)
	}
	http2, err := anypb.New(&httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &corev3.Http2ProtocolOptions{}},
		},
	}})
	if err != nil {
		return nil, fmt.Errorf("encode cluster: %w", err)
	}
	grpc := map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2}
	istiod := static(xdsCluster, tcpAddress(xds.Addr().String(), xds.Port()))
	istiod.TypedExtensionProtocolOptions = grpc
	secrets := static(sdsCluster, &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: o.SDS}}})
	secrets.TypedExtensionProtocolOptions = grpc
	// A pipe can't be bound to an IP address.
	secrets.UpstreamBindConfig = &corev3.BindConfig{}
	return []*clusterv3.Cluster{static(adminCluster, tcpAddress("127.0.0.1", AdminPort)), secrets, istiod}, nil
}

func static(name string, address *corev3.Address) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		AltStatName:          name + ";",
		ConnectTimeout:       durationpb.New(1e9),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}},
			}}}},
		},
	}
}

func tcpAddress(address string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

// listeners are those of every proxy: metrics, and readiness, which Istio's agent answers
// elsewhere and Envoy itself here.
func listeners() ([]*listenerv3.Listener, error) {
	metrics, err := listener(prometheusPort, "/stats/prometheus", "")
	if err != nil {
		return nil, err
	}
	ready, err := listener(statusPort, "/healthz/ready", "/ready")
	if err != nil {
		return nil, err
	}
	return []*listenerv3.Listener{metrics, ready}, nil
}

// listener forwards one path to the admin interface, as another path if rewritten is set.
func listener(port uint16, prefix, rewritten string) (*listenerv3.Listener, error) {
	router, err := anypb.New(&routerv3.Router{})
	if err != nil {
		return nil, fmt.Errorf("encode listener: %w", err)
	}
	manager, err := anypb.New(&hcmv3.HttpConnectionManager{
		StatPrefix: "stats",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			VirtualHosts: []*routev3.VirtualHost{{
				Name: "backend", Domains: []string{"*"},
				Routes: []*routev3.Route{{
					Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: prefix}},
					Action: &routev3.Route_Route{Route: &routev3.RouteAction{
						ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: adminCluster}, PrefixRewrite: rewritten,
					}},
				}},
			}},
		}},
		HttpFilters: []*hcmv3.HttpFilter{{Name: "envoy.filters.http.router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: router}}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode listener: %w", err)
	}
	return &listenerv3.Listener{
		Name:                  "0.0.0.0_" + strconv.Itoa(int(port)),
		Address:               tcpAddress("0.0.0.0", port),
		IgnoreGlobalConnLimit: true,
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "envoy.filters.network.http_connection_manager", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: manager},
		}}}},
	}, nil
}

// runtimeLayer is Istio's runtime, overridden by that in the proxy configuration.
func runtimeLayer(env map[string]string) (*bootstrapv3.RuntimeLayer, error) {
	flags := map[string]any{
		// Otherwise one long regular expression makes Envoy reject all routes.
		"re2.max_program_size.error_level":                               32768,
		"envoy.reloadable_features.http_reject_path_with_fragment":       false,
		"envoy.reloadable_features.coalesce_lb_rebuilds_on_batch_update": false,
	}
	config, err := proxyConfig(env)
	if err != nil {
		return nil, err
	}
	values, _ := config["runtimeValues"].(map[string]any)
	for key, value := range values {
		switch value {
		case "":
			delete(flags, key)
		case "true", "false":
			flags[key] = value == "true"
		default:
			flags[key] = value
		}
	}
	layer, err := structpb.NewStruct(flags)
	if err != nil {
		return nil, fmt.Errorf("make runtime: %w", err)
	}
	return &bootstrapv3.RuntimeLayer{Name: "global config", LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: layer}}, nil
}

// connectionLimit is Istio's setting: no limit, set explicitly so that Envoy does not
// warn.
func connectionLimit() (*overloadv3.OverloadManager, error) {
	limit, err := anypb.New(&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: math.MaxInt32})
	if err != nil {
		return nil, fmt.Errorf("encode connection limit: %w", err)
	}
	return &overloadv3.OverloadManager{ResourceMonitors: []*overloadv3.ResourceMonitor{{
		Name: "envoy.resource_monitors.global_downstream_max_connections", ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: limit},
	}}}, nil
}

func adminLayer() *bootstrapv3.RuntimeLayer {
	return &bootstrapv3.RuntimeLayer{Name: "admin", LayerSpecifier: &bootstrapv3.RuntimeLayer_AdminLayer_{AdminLayer: &bootstrapv3.RuntimeLayer_AdminLayer{}}}
}
