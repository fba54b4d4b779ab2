package oracle

import (
	"slices"
	"strconv"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/xds/endpoints"
)

// complete sets the fields of d that the routes alone don't determine: whether its
// cluster exists, and the pods behind it. To is the Service that the client connected to;
// it matters if a proxy keeps the original address.
func (m *Mesh) complete(s *sidecar, d *Destination, to string) {
	d.Configuration = s.clusters[d.Cluster]
	d.Missing = d.Configuration == nil
	switch {
	case d.Missing:
	case d.Configuration.GetType() == clusterv3.Cluster_ORIGINAL_DST && d.Host != "":
		d.Pods = m.selected(d.Host)
	case d.Configuration.GetType() == clusterv3.Cluster_ORIGINAL_DST:
		d.Pods = m.selected(to)
	case d.Configuration.GetLoadAssignment() != nil:
		d.Pods = m.names(d.Configuration.GetLoadAssignment())
	case model.IsValidSubsetKey(d.Cluster):
		builder := endpoints.NewEndpointBuilder(d.Cluster, s.node, m.env.PushContext())
		d.Pods = m.names(builder.BuildClusterLoadAssignment(m.env.EndpointIndex))
	}
}

// selected returns the pods to which Kubernetes sends connections to host.
func (m *Mesh) selected(host string) []string {
	var names []string
	for _, p := range m.behind[host] {
		names = append(names, p.name)
	}
	slices.Sort(names)
	return names
}

// names returns the names of assignment's pods, or else their addresses.
func (m *Mesh) names(assignment *endpointv3.ClusterLoadAssignment) []string {
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
