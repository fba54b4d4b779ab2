package envoy

import (
	"fmt"
	"math"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/overrides-mesh/overrides/internal/model"
)

// clusterName returns istiod's name for the pods of a subset, or of a whole Service, on
// one port.
func clusterName(port uint32, subset, host string) string {
	return fmt.Sprintf("outbound|%d|%s|%s", port, subset, host)
}

// clusters lists one cluster for each port of each Service, and of each of its subsets.
func (m *Mesh) clusters() []*clusterv3.Cluster {
	var out []*clusterv3.Cluster
	for i := range m.services {
		s := &m.services[i]
		for _, port := range s.ports {
			out = append(out, cluster(clusterName(port, "", s.host), s.pods))
			for _, subset := range m.subsets[s.host] {
				out = append(out, cluster(clusterName(port, subset.Name, s.host), labelled(s.pods, subset.Labels)))
			}
		}
	}
	slices.SortFunc(out, compareClusters)
	return out
}

func compareClusters(a, b *clusterv3.Cluster) int { return strings.Compare(a.GetName(), b.GetName()) }

func labelled(pods []Pod, labels map[string]string) []Pod {
	var out []Pod
	for _, p := range pods {
		if model.HasLabels(p.Labels, labels) {
			out = append(out, p)
		}
	}
	return out
}

// connectTimeout is istiod's default.
const connectTimeout = 10

// cluster contains its endpoints. If each cluster read its endpoints from a file of its
// own, it would need an inotify instance. Linux gives a user 128 of these by default,
// less than the clusters of a few Envoys. It also avoids the moment in which a cluster
// exists without its endpoints.
func cluster(name string, pods []Pod) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:       &durationpb.Duration{Seconds: connectTimeout},
		LbPolicy:             clusterv3.Cluster_LEAST_REQUEST,
		LoadAssignment:       loadAssignment(name, pods),
		// As in istiod: no limits, and no panic mode if there are few pods.
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections:     wrapperspb.UInt32(math.MaxUint32),
			MaxPendingRequests: wrapperspb.UInt32(math.MaxUint32),
			MaxRequests:        wrapperspb.UInt32(math.MaxUint32),
			MaxRetries:         wrapperspb.UInt32(math.MaxUint32),
		}}},
		CommonLbConfig: &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{}},
	}
}

func loadAssignment(name string, pods []Pod) *endpointv3.ClusterLoadAssignment {
	out := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	if len(pods) == 0 {
		return out
	}
	endpoints := &endpointv3.LocalityLbEndpoints{}
	for _, p := range pods {
		endpoints.LbEndpoints = append(endpoints.LbEndpoints, &endpointv3.LbEndpoint{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: socketAddress(p.Address, p.Port)}},
		})
	}
	out.Endpoints = []*endpointv3.LocalityLbEndpoints{endpoints}
	return out
}

func socketAddress(address string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       address,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func pipeAddress(path string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}
}
