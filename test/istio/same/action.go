package same

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// keySeparator separates the cluster and the rest of a key.
const keySeparator = " "

// action is the effect of a route on a request, in normal form.
type action struct {
	// parts has the share of each destination with all its own settings, copies the same
	// of mirrors: the parts of one pin are combined.
	parts, copies map[string]float64
	// rest is everything else.
	rest proto.Message
	// affine is set if equal requests go to one pod; draws is the number of clusters that
	// a request may still go to.
	affine bool
	draws  int
}

func (n normal) actionOf(answer oracle.Answer) action {
	out := action{parts: map[string]float64{}, copies: map[string]float64{}, draws: len(answer.Destinations)}
	switch {
	case answer.TCP != nil:
		n.connection(&out, answer.TCP)
	case answer.Route != nil:
		n.route(&out, answer.Route)
	default:
		out.rest = &routev3.Route{}
	}
	return out
}

func (n normal) connection(out *action, tcp *tcpv3.TcpProxy) {
	rest, _ := proto.Clone(tcp).(*tcpv3.TcpProxy)
	out.affine = len(rest.HashPolicy) > 0
	total := 0.0
	for _, c := range tcp.GetWeightedClusters().GetClusters() {
		total += float64(c.Weight)
	}
	for _, c := range tcp.GetWeightedClusters().GetClusters() {
		own, _ := proto.Clone(c).(*tcpv3.TcpProxy_WeightedCluster_ClusterWeight)
		own.Name, own.Weight = "", 0
		out.parts[n.key(c.Name, own)] += float64(c.Weight) / total
	}
	if total == 0 {
		out.parts[n.key(tcp.GetCluster(), &tcpv3.TcpProxy_WeightedCluster_ClusterWeight{})] = 1
	}
	rest.ClusterSpecifier, rest.StatPrefix = nil, ""
	n.walk(rest.ProtoReflect())
	out.rest = rest
}

func (n normal) route(out *action, route *routev3.Route) {
	rest, _ := proto.Clone(route).(*routev3.Route)
	rest.Match, rest.Name, rest.StatPrefix, rest.Decorator = nil, "", "", nil
	if forward := rest.GetRoute(); forward != nil {
		out.affine = len(forward.HashPolicy) > 0
		forward.HashPolicy = slices.CompactFunc(forward.HashPolicy, func(a, b *routev3.RouteAction_HashPolicy) bool { return proto.Equal(a, b) })
		n.takeParts(out, rest)
		n.takeCopies(out, forward)
	}
	n.walk(rest.ProtoReflect())
	if len(rest.GetMetadata().GetFilterMetadata()) == 0 && len(rest.GetMetadata().GetTypedFilterMetadata()) == 0 {
		rest.Metadata = nil
	}
	out.rest = rest
}

// takeParts moves the destinations of route into out, with the settings of the route that
// Envoy uses as defaults for destinations: istiod writes them in the route for a single
// destination, and in each for several.
func (n normal) takeParts(out *action, route *routev3.Route) {
	forward := route.GetRoute()
	weighted := forward.GetWeightedClusters()
	clusters := weighted.GetClusters()
	if weighted == nil {
		clusters = []*routev3.WeightedCluster_ClusterWeight{{Name: forward.GetCluster()}}
	}
	total := 0.0
	for _, c := range clusters {
		total += float64(c.Weight.GetValue())
	}
	for _, c := range clusters {
		share := 1.0
		if weighted != nil {
			share = float64(c.Weight.GetValue()) / total
		}
		name := c.Name
		c.Name, c.Weight = "", nil
		c.RequestHeadersToAdd = slices.Concat(route.RequestHeadersToAdd, c.RequestHeadersToAdd)
		c.RequestHeadersToRemove = slices.Concat(route.RequestHeadersToRemove, c.RequestHeadersToRemove)
		c.ResponseHeadersToAdd = slices.Concat(route.ResponseHeadersToAdd, c.ResponseHeadersToAdd)
		c.ResponseHeadersToRemove = slices.Concat(route.ResponseHeadersToRemove, c.ResponseHeadersToRemove)
		if literal := forward.GetHostRewriteLiteral(); literal != "" && c.HostRewriteSpecifier == nil {
			c.HostRewriteSpecifier = &routev3.WeightedCluster_ClusterWeight_HostRewriteLiteral{HostRewriteLiteral: literal}
		}
		out.parts[n.key(name, c)] += share
	}
	route.RequestHeadersToAdd, route.RequestHeadersToRemove = nil, nil
	route.ResponseHeadersToAdd, route.ResponseHeadersToRemove = nil, nil
	if forward.GetHostRewriteLiteral() != "" {
		forward.HostRewriteSpecifier = nil
	}
	if weighted != nil {
		weighted.Clusters, weighted.TotalWeight = nil, nil //nolint:staticcheck // what old ones may say
	}
	if _, single := forward.ClusterSpecifier.(*routev3.RouteAction_Cluster); single || proto.Size(weighted) == 0 {
		forward.ClusterSpecifier = nil
	}
}

// takeCopies moves the mirrors of forward into out.
func (n normal) takeCopies(out *action, forward *routev3.RouteAction) {
	for _, mirror := range forward.RequestMirrorPolicies {
		share := 1.0
		if fraction := mirror.GetRuntimeFraction().GetDefaultValue(); fraction != nil {
			share = float64(fraction.Numerator) / map[int32]float64{0: 100, 1: 10_000, 2: 1_000_000}[int32(fraction.Denominator)]
			mirror.RuntimeFraction.DefaultValue = nil
		}
		name := mirror.Cluster
		mirror.Cluster = ""
		out.copies[n.key(name, mirror)] += share
	}
	forward.RequestMirrorPolicies = nil
}

// key is the name of cluster in its normal form, with all settings in own.
func (n normal) key(cluster string, own proto.Message) string {
	n.walk(own.ProtoReflect())
	if proto.Size(own) == 0 {
		return n.rename(cluster)
	}
	text, err := protojson.Marshal(own)
	if err != nil {
		text = []byte(err.Error())
	}
	return n.rename(cluster) + keySeparator + string(text)
}
