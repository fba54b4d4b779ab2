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
	// rowPrefix begins the names of override rows.
	rowPrefix = "override."
	// istioMetadata and configKey are where istiod says which object a route is of
	// (Istio's networking/util.AddConfigInfoMetadata), and configPrefix begins it.
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
		told := proxysync.Configuration{Name: c.GetName(), Hosts: len(c.GetVirtualHosts()) > 0}
		for _, host := range c.GetVirtualHosts() {
			for _, row := range host.GetRoutes() {
				if strings.HasPrefix(row.GetName(), rowPrefix) {
					told.Rows = append(told.Rows, readRow(row))
				}
			}
		}
		out.Configurations = append(out.Configurations, told)
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

// subscription is what is subscribed to on a stream.
type subscription struct {
	names []string
	// version and nonce are those of the latest response.
	version, nonce string
	// told are the responses that nobody has taken yet.
	told []proxysync.Routes
}

// subscribe has istiod send the route configurations of these names, now and whenever
// they may have changed. What is sent already is sent now only if it is to be anew: to
// who does not say what came last, istiod sends all (Istio's xds.ShouldRespond).
func (s *stream) subscribe(names []string, anew bool) error {
	anew = anew && len(names) > 0
	if slices.Equal(s.routes.names, names) && !anew {
		return nil
	}
	if s.routes.names = slices.Clone(names); anew {
		s.routes.version, s.routes.nonce = "", ""
	}
	return s.write(s.routes.request())
}

// request says what is subscribed to, and that the latest response was taken. Where
// istiod has sent another one meanwhile, it takes no notice, and reads the names with
// what is said to that one (Istio's xds.ShouldRespond).
func (r *subscription) request() *request {
	return &request{names: r.names, kind: routeType, version: r.version, nonce: r.nonce}
}

// take keeps a response, and tells istiod that it has come.
func (s *stream) take(r *response) error {
	told, err := readRoutes(s.target.address, r)
	if err != nil {
		return err
	}
	s.routes.version, s.routes.nonce = r.version, r.nonce
	s.routes.told = append(s.routes.told, told)
	return s.write(s.routes.request())
}

// taken returns the responses since the last time.
func (s *stream) taken() []proxysync.Routes {
	out := s.routes.told
	s.routes.told = nil
	return out
}
