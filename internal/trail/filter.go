package trail

import (
	"net/netip"
	"strings"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	grpclogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreamsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/type/metadata/v3"
	tracingv3 "github.com/envoyproxy/go-control-plane/envoy/type/tracing/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// Reporting says which proxies report, and where.
type Reporting struct {
	// Namespace is that of the pods whose proxies report; Istio's root namespace stands for all.
	Namespace string
	// Host and Port are the collector: the name in DNS of a headless Service, so that proxies
	// connect to each of its pods.
	Host string
	Port uint32
	// Header is the name of the override header.
	Header string
}

const (
	// FilterName names the EnvoyFilter, the cluster of the collector, and the access log.
	FilterName = "overrides-trail"

	accessLogger = "envoy.access_loggers.http_grpc"
	httpOptions  = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	traceparent  = "traceparent"
	// servedTag is the tag with the workload that a proxy sent a request to.
	servedTag = "served"

	// A proxy looks the collector up so often. A collector that is not there must cost little.
	lookUp, lookUpMissing, lookUpMissingMost = 15 * time.Second, 15 * time.Second, time.Minute
	// A connection whose other end is gone without a word is given up after ping and pong.
	connect, ping, pong = time.Second, 30 * time.Second, 10 * time.Second
)

// sides are the places of proxies. A proxy says by the name of the log in which of them it stood.
var sides = []struct {
	context istioapi.EnvoyFilter_PatchContext
	side    Side
}{
	{istioapi.EnvoyFilter_SIDECAR_OUTBOUND, Outbound},
	{istioapi.EnvoyFilter_SIDECAR_INBOUND, Inbound},
	{istioapi.EnvoyFilter_GATEWAY, Gateway},
}

// Filter makes the EnvoyFilter with which proxies report requests that carry an override or are
// marked, and no others. It adds one access log to those of the user, and the cluster of the
// collector. A proxy that can't reach the collector drops what it would report. An error is a bug.
//
// It is no Telemetry of Istio's: that would replace the access log of the mesh configuration, for
// ordinary requests too.
func Filter(r *Reporting) (encoded.Object, error) {
	spec := &istioapi.EnvoyFilter{}
	for _, s := range sides {
		log, err := r.accessLog(s.side)
		if err != nil {
			return encoded.Object{}, err
		}
		patch, err := edge.Connections(s.context, &hcmv3.HttpConnectionManager{AccessLog: []*accesslogv3.AccessLog{log}})
		if err != nil {
			return encoded.Object{}, err
		}
		spec.ConfigPatches = append(spec.ConfigPatches, patch)
	}
	cluster, err := r.cluster()
	if err != nil {
		return encoded.Object{}, err
	}
	// Both sides of a sidecar have the clusters of its outbound side.
	for _, context := range []istioapi.EnvoyFilter_PatchContext{istioapi.EnvoyFilter_SIDECAR_OUTBOUND, istioapi.EnvoyFilter_GATEWAY} {
		patch, err := edge.Cluster(context, cluster)
		if err != nil {
			return encoded.Object{}, err
		}
		spec.ConfigPatches = append(spec.ConfigPatches, patch)
	}
	// The object has no label of Overrides: the operator would take it for one of its own.
	meta := metav1.ObjectMeta{Namespace: r.Namespace, Name: FilterName, Annotations: map[string]string{edge.RequiresAnnotation: edge.Requires}}
	return istio.Canonical(&meta, "EnvoyFilter", spec)
}

// accessLog is the log of one side.
func (r *Reporting) accessLog(side Side) (*accesslogv3.AccessLog, error) {
	config, err := anypb.New(&grpclogv3.HttpGrpcAccessLogConfig{
		CommonConfig: &grpclogv3.CommonGrpcAccessLogConfig{
			LogName:             string(side),
			TransportApiVersion: corev3.ApiVersion_V3,
			GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: FilterName},
			}},
			CustomTags: []*tracingv3.CustomTag{served()},
		},
		AdditionalRequestHeadersToLog: []string{r.Header, grammar.BaggageHeader, traceparent},
	})
	return &accesslogv3.AccessLog{
		Name: accessLogger, Filter: r.reported(), ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: config},
	}, err
}

// served is the tag with the workload that istiod gives the pod that a proxy chose.
func served() *tracingv3.CustomTag {
	return &tracingv3.CustomTag{Tag: servedTag, Type: &tracingv3.CustomTag_Metadata_{Metadata: &tracingv3.CustomTag_Metadata{
		Kind: &metadatav3.MetadataKind{Kind: &metadatav3.MetadataKind_Host_{Host: &metadatav3.MetadataKind_Host{}}},
		MetadataKey: &metadatav3.MetadataKey{Key: "istio", Path: []*metadatav3.MetadataKey_PathSegment{
			{Segment: &metadatav3.MetadataKey_PathSegment_Key{Key: "workload"}},
		}},
	}}}
}

// reported is the filter of the requests that are reported. Envoy compares three headers of each
// request, which is all that an ordinary one costs.
func (r *Reporting) reported() *accesslogv3.AccessLogFilter {
	matchers := []*routev3.HeaderMatcher{
		{Name: r.Header, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}},
		{Name: grammar.BaggageHeader, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: grammar.AnyBaggagePattern}},
		}}},
		{Name: traceparent, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "00-" + TracePrefix},
		}}},
	}
	or := &accesslogv3.OrFilter{}
	for _, m := range matchers {
		or.Filters = append(or.Filters, &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{
			HeaderFilter: &accesslogv3.HeaderFilter{Header: m},
		}})
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{OrFilter: or}}
}

// cluster is the collector as proxies know it, whatever their Sidecar resources import. No proxy
// waits for it to start: neither for a look-up nor for a connection.
func (r *Reporting) cluster() (*clusterv3.Cluster, error) {
	options, err := anypb.New(&upstreamsv3.HttpProtocolOptions{UpstreamProtocolOptions: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
				ConnectionKeepalive: &corev3.KeepaliveSettings{Interval: durationpb.New(ping), Timeout: durationpb.New(pong)},
			}},
		},
	}})
	address := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: r.absolute(), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: r.Port},
	}}}
	return &clusterv3.Cluster{
		Name:                 FilterName,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS},
		DnsLookupFamily:      clusterv3.Cluster_V4_PREFERRED,
		//nolint:staticcheck // the type of cluster that replaces these fields is not in all proxies that report
		DnsRefreshRate: durationpb.New(lookUp),
		//nolint:staticcheck // as above
		DnsFailureRefreshRate: &clusterv3.Cluster_RefreshRate{
			BaseInterval: durationpb.New(lookUpMissing), MaxInterval: durationpb.New(lookUpMissingMost),
		},
		WaitForWarmOnInit:             wrapperspb.Bool(false),
		ConnectTimeout:                durationpb.New(connect),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptions: options},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: FilterName, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}}}},
		}}},
	}, err
}

// absolute returns the host as DNS looks it up at once. Without the dot at its end, resolvers in pods
// try it in each of their search domains first.
func (r *Reporting) absolute() string {
	if _, err := netip.ParseAddr(r.Host); err == nil || strings.HasSuffix(r.Host, ".") {
		return r.Host
	}
	return r.Host + "."
}
