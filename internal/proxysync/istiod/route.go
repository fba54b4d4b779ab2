package istiod

import (
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/proxysync"
)

const (
	// rowPrefix is the prefix of the names of override rows.
	rowPrefix = "override."
	// istioMetadata and configKey locate the object that a route comes from (Istio's
	// networking/util.AddConfigInfoMetadata); configPrefix is the prefix of its value.
	istioMetadata = "istio"
	configKey     = "config"
	configPrefix  = "/apis/networking.istio.io/"
)

// readRoutes reads the route configurations of a response.
func readRoutes(istiod string, r *response) (proxysync.Routes, error) {
	out := proxysync.Routes{Istiod: istiod, Nonce: r.nonce}
	for _, data := range r.resources {
		var c routev3.RouteConfiguration
		if err := proto.Unmarshal(data, &c); err != nil {
			return out, fmt.Errorf("decode routes: %w", err)
		}
		configuration := proxysync.Configuration{Name: c.GetName(), Hosts: len(c.GetVirtualHosts()) > 0}
		for _, host := range c.GetVirtualHosts() {
			for _, row := range host.GetRoutes() {
				if strings.HasPrefix(row.GetName(), rowPrefix) {
					configuration.Rows = append(configuration.Rows, readRow(row))
				}
			}
		}
		out.Configurations = append(out.Configurations, configuration)
	}
	return out, nil
}

func readRow(row *routev3.Route) proxysync.Row {
	out := proxysync.Row{Name: row.GetName()}
	config := row.GetMetadata().GetFilterMetadata()[istioMetadata].GetFields()[configKey].GetStringValue()
	if rest, ok := strings.CutPrefix(config, configPrefix); ok {
		// VERSION/namespaces/NAMESPACE/virtual-service/NAME
		if part := strings.Split(rest, "/"); len(part) == 5 && part[3] == "virtual-service" {
			out.Object = diag.Object{Kind: "VirtualService", Namespace: part[2], Name: part[4]}
		}
	}
	if cluster := row.GetRoute().GetCluster(); cluster != "" {
		out.Clusters = []string{cluster}
	}
	for _, c := range row.GetRoute().GetWeightedClusters().GetClusters() {
		out.Clusters = append(out.Clusters, c.GetName())
	}
	return out
}

// subscription is the subscription to routes on a stream.
type subscription struct {
	names []string
	// version and nonce are those of the latest response.
	version, nonce string
	// pending has the responses since the last round.
	pending []proxysync.Routes
}

// subscribe makes istiod send the route configurations with these names, now and whenever
// they may have changed. With refresh, istiod sends those again that it has sent before: it
// sends everything to a client that states no nonce (Istio's xds.ShouldRespond).
func (s *stream) subscribe(names []string, refresh bool) error {
	refresh = refresh && len(names) > 0
	if slices.Equal(s.routes.names, names) && !refresh {
		return nil
	}
	if s.routes.names = slices.Clone(names); refresh {
		s.routes.version, s.routes.nonce = "", ""
	}
	return s.write(s.routes.request())
}

// request subscribes to the names, and acknowledges the latest response. If istiod has sent
// another response meanwhile, it ignores this request, and reads the names in the
// acknowledgement of that response (Istio's xds.ShouldRespond).
func (r *subscription) request() *request {
	return &request{names: r.names, kind: routeType, version: r.version, nonce: r.nonce}
}

// accept records a response, and acknowledges it.
func (s *stream) accept(r *response) error {
	routes, err := readRoutes(s.target.address, r)
	if err != nil {
		return err
	}
	s.routes.version, s.routes.nonce = r.version, r.nonce
	s.routes.pending = append(s.routes.pending, routes)
	return s.write(s.routes.request())
}

// takeResponses returns the responses since the last call.
func (s *stream) takeResponses() []proxysync.Routes {
	out := s.routes.pending
	s.routes.pending = nil
	return out
}
