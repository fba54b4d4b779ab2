package envoy

import (
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Place is where an Envoy finds its files and listens.
type Place struct {
	// Name is the name of the node.
	Name string
	// Clusters and Routes are the files that it watches.
	Clusters, Routes string
	// Admin is the path of the socket of its admin interface.
	Admin string
	// Socket is the path that it listens on; if it is empty, it listens on Port of the
	// loopback address.
	Socket string
	Port   uint32
	// Early changes the headers of requests before they are routed, and Filters are in front
	// of the router.
	Early   []*corev3.TypedExtensionConfig
	Filters []*hcmv3.HttpFilter
}

// The statistics that an Envoy keeps. All others would need memory in each Envoy without
// being used.
var keptStats = []string{"update_rejected", "version_text", "downstream_rq_total"}

// Bootstrap returns the file that an Envoy starts with.
func Bootstrap(p Place) ([]byte, error) {
	manager, err := connectionManager(&p)
	if err != nil {
		return nil, err
	}
	listener := &listenerv3.Listener{
		Name:    RouteName,
		Address: pipeAddress(p.Socket),
		// Two programs must not silently share a port.
		EnableReusePort: wrapperspb.Bool(false),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: manager},
		}}}},
	}
	if p.Socket == "" {
		listener.Address = socketAddress("127.0.0.1", p.Port)
	}
	return encode(&bootstrapv3.Bootstrap{
		Node:             &corev3.Node{Id: p.Name, Cluster: p.Name},
		Admin:            &bootstrapv3.Admin{Address: pipeAddress(p.Admin)},
		StaticResources:  &bootstrapv3.Bootstrap_StaticResources{Listeners: []*listenerv3.Listener{listener}},
		DynamicResources: &bootstrapv3.Bootstrap_DynamicResources{CdsConfig: watch(p.Clusters)},
		LayeredRuntime:   runtimeLayer(),
		StatsConfig:      stats(),
	})
}

func watch(path string) *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion: corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{
			PathConfigSource: &corev3.PathConfigSource{Path: path},
		},
	}
}

// connectionManager returns istiod's connection manager for the calls of a workload.
func connectionManager(p *Place) (*anypb.Any, error) {
	router, err := wrap(&routerv3.Router{})
	if err != nil {
		return nil, err
	}
	return wrap(&hcmv3.HttpConnectionManager{
		StatPrefix: RouteName,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: RouteName, ConfigSource: watch(p.Routes),
		}},
		NormalizePath:                 wrapperspb.Bool(true),
		StreamIdleTimeout:             &durationpb.Duration{},
		EarlyHeaderMutationExtensions: p.Early,
		HttpFilters: append(slices.Clone(p.Filters), &hcmv3.HttpFilter{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: router},
		}),
	})
}

// runtimeLayer allows patterns as large as Istio does. By default, Envoy refuses all
// routes if one has a pattern of more than 100 instructions.
func runtimeLayer() *bootstrapv3.LayeredRuntime {
	const programSize = 32768
	layer := &structpb.Struct{Fields: map[string]*structpb.Value{
		"re2.max_program_size.error_level": structpb.NewNumberValue(programSize),
	}}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name:           "static",
		LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: layer},
	}}}
}

func stats() *metricsv3.StatsConfig {
	kept := &matcherv3.ListStringMatcher{}
	for _, suffix := range keptStats {
		kept.Patterns = append(kept.Patterns, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: suffix}})
	}
	return &metricsv3.StatsConfig{StatsMatcher: &metricsv3.StatsMatcher{
		StatsMatcher: &metricsv3.StatsMatcher_InclusionList{InclusionList: kept},
	}}
}

// previousHosts makes a retry go to another pod than the one that failed.
func previousHosts() *anypb.Any {
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string((&previoushostsv3.PreviousHostsPredicate{}).ProtoReflect().Descriptor().FullName())}
}
