package istiod

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/proxysync"
)

const (
	clusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	routeType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
)

// syncStatus is the relevant part of istiod's SyncStatus.
type syncStatus struct {
	Proxy         string `json:"proxy"`
	Type          string `json:"proxy_type"`
	ClusterSent   string `json:"cluster_sent"`
	ClusterAcked  string `json:"cluster_acked"`
	EndpointSent  string `json:"endpoint_sent"`
	EndpointAcked string `json:"endpoint_acked"`
	ListenerSent  string `json:"listener_sent"`
	ListenerAcked string `json:"listener_acked"`
	RouteSent     string `json:"route_sent"`
	RouteAcked    string `json:"route_acked"`
	// Resources has times too; older versions of Istio lack it.
	Resources map[string]struct {
		SentTime time.Time `json:"sentTime"`
	} `json:"resources"`
}

// readProxies reads the answer to "syncz".
func readProxies(data []byte) ([]proxysync.Proxy, error) {
	var all []syncStatus
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("read %q: %w", text(data), err)
	}
	out := make([]proxysync.Proxy, 0, len(all))
	for i := range all {
		s := &all[i]
		out = append(out, proxysync.Proxy{
			ID: s.Proxy, Type: s.Type,
			Clusters:  proxysync.Stream{Sent: s.ClusterSent, Acked: s.ClusterAcked, At: s.Resources[clusterType].SentTime},
			Endpoints: proxysync.Stream{Sent: s.EndpointSent, Acked: s.EndpointAcked, At: s.Resources[endpointType].SentTime},
			Listeners: proxysync.Stream{Sent: s.ListenerSent, Acked: s.ListenerAcked, At: s.Resources[listenerType].SentTime},
			Routes:    proxysync.Stream{Sent: s.RouteSent, Acked: s.RouteAcked, At: s.Resources[routeType].SentTime},
		})
	}
	return out, nil
}

// adsClients is the relevant part of istiod's AdsClients.
type adsClients struct {
	Clients []struct {
		ConnectionID string              `json:"connectionId"`
		Watches      map[string][]string `json:"watches"`
	} `json:"clients"`
}

// readClusters reads the answer to "adsz?proxyID=". It returns false if the answer is about
// another proxy, since istiod takes the first one whose ID contains the text; or if istiod
// does not know what it sent, as for proxies that use the state-of-the-world protocol.
func readClusters(data []byte, proxy string) ([]string, bool) {
	var all adsClients
	if json.Unmarshal(data, &all) != nil || len(all.Clients) != 1 {
		return nil, false
	}
	number, ok := strings.CutPrefix(all.Clients[0].ConnectionID, proxy+"-")
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
		return nil, false
	}
	names := all.Clients[0].Watches[clusterType]
	return names, len(names) > 0
}
