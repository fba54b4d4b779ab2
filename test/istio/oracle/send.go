package oracle

import (
	"cmp"
	"maps"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"istio.io/istio/pilot/pkg/model"
)

// Request is one request that leaves a pod through its sidecar.
type Request struct {
	// To is the Service that the pod connects to, fully qualified; empty for a host that
	// is not a Service.
	To   string
	Port uint32
	// Method is GET if empty, Scheme http, Authority To, Path "/".
	Method, Scheme, Authority string
	// Path may have a query.
	Path string
	// Header has several values if several lines have the same name.
	Header map[string][]string
}

// Answer is the destination of a request.
type Answer struct {
	// VirtualHost is the virtual host that the authority selects, nil for none.
	VirtualHost *routev3.VirtualHost
	// Index is the index of the route in its virtual host, -1 if none takes the request;
	// Status is then 404.
	Index int
	// Name is the name of the route, as in access logs; "tcp" for a connection.
	Name string
	// Status is the status if the proxy itself answers, else 0. Body and Location (as far
	// as the route determines it) belong to such answers.
	Status   uint32
	Body     string
	Location string
	// Path is the forwarded path.
	Path string
	// Destinations are the possible destinations, none if Status is set.
	Destinations []Destination
	// Mirrors are the destinations of copies.
	Mirrors []Destination
	// Route is the whole route, nil for none and for connections.
	Route *routev3.Route
	// TCP is the filter that decides about a connection.
	TCP *tcpv3.TcpProxy
}

// Destination is a cluster and its share.
type Destination struct {
	// Cluster is the name, and the next three its parts, which are empty for clusters
	// without a Service.
	Cluster string
	Host    string
	Subset  string
	Port    uint32
	// Weight is relative to the other destinations' weights; 1 for a single one.
	Weight uint32
	// Missing is set if the proxy has no such cluster: it answers 503 (NC).
	Missing bool
	// Configuration is the configuration of the cluster, nil if it is missing.
	Configuration *clusterv3.Cluster
	// Pods are the names of the ready pods that may get the request.
	Pods []string
}

// TCP is the method of requests that are connections of another protocol.
const TCP = "TCP"

// Send returns the destination of a request from p.
func (m *Mesh) Send(p Proxy, request Request) (Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return Answer{}, err
	}
	answer, err := m.ask(s, request)
	if err != nil {
		return Answer{}, err
	}
	for i := range answer.Destinations {
		m.complete(s, &answer.Destinations[i], request.To)
	}
	for i := range answer.Mirrors {
		m.complete(s, &answer.Mirrors[i], request.To)
	}
	return answer, nil
}

func (m *Mesh) ask(s *sidecar, request Request) (Answer, error) {
	if request.Method == TCP {
		return m.connection(s, request)
	}
	routes, err := m.routesOf(s, request.To, request.Port)
	switch {
	case err != nil:
		return Answer{}, err
	case routes == nil: // no listener: whatever the protocol
		return m.connection(s, request)
	}
	return Evaluate(routes, request), nil
}

// Evaluate returns the destination of request in routes, as far as they determine it:
// without Missing and Pods of the destinations.
func Evaluate(routes *routev3.RouteConfiguration, request Request) Answer {
	request = request.withDefaults()
	answer := Answer{Index: -1, Status: 404}
	host := virtualHost(routes, request.Authority)
	if host == nil {
		return answer
	}
	answer.VirtualHost = host
	for i, route := range host.Routes {
		if matches(route.Match, &request) {
			answer.Index, answer.Name, answer.Route = i, route.Name, route
			answer.act(route, request.Path)
			return answer
		}
	}
	return answer
}

func (r Request) withDefaults() Request {
	r.Method = cmp.Or(r.Method, "GET")
	r.Scheme = cmp.Or(r.Scheme, "http")
	r.Authority = cmp.Or(r.Authority, r.To)
	r.Path = cmp.Or(r.Path, "/")
	lower := make(map[string][]string, len(r.Header))
	for name := range maps.Keys(r.Header) {
		key := strings.ToLower(name)
		lower[key] = append(lower[key], r.Header[name]...)
	}
	r.Header = lower
	return r
}

// redirectStatus are the statuses of Envoy's redirect codes.
var redirectStatus = map[routev3.RedirectAction_RedirectResponseCode]uint32{
	routev3.RedirectAction_MOVED_PERMANENTLY:  301,
	routev3.RedirectAction_FOUND:              302,
	routev3.RedirectAction_SEE_OTHER:          303,
	routev3.RedirectAction_TEMPORARY_REDIRECT: 307,
	routev3.RedirectAction_PERMANENT_REDIRECT: 308,
}

func (a *Answer) act(route *routev3.Route, path string) {
	a.Status = 0
	switch {
	case route.GetDirectResponse() != nil:
		body := route.GetDirectResponse().GetBody()
		a.Status = route.GetDirectResponse().Status
		a.Body = cmp.Or(body.GetInlineString(), string(body.GetInlineBytes()))
	case route.GetRedirect() != nil:
		redirect := route.GetRedirect()
		a.Status = redirectStatus[redirect.ResponseCode]
		to := redirect.GetPathRedirect()
		if prefix := redirect.GetPrefixRewrite(); prefix != "" {
			to = rewritePrefix(route.Match, path, prefix)
		}
		a.Location = redirect.GetSchemeRedirect() + "//" + redirect.HostRedirect + to
	case route.GetRoute() != nil:
		a.send(route, path)
	}
}

// send sets the destinations of route for a request with path.
func (a *Answer) send(route *routev3.Route, path string) {
	action := route.GetRoute()
	a.Path = rewrite(route, path)
	if weighted := action.GetWeightedClusters(); weighted != nil {
		for _, c := range weighted.Clusters {
			a.Destinations = append(a.Destinations, destination(c.Name, c.Weight.GetValue()))
		}
	} else {
		a.Destinations = []Destination{destination(action.GetCluster(), 1)}
	}
	for _, mirror := range action.RequestMirrorPolicies {
		a.Mirrors = append(a.Mirrors, destination(mirror.Cluster, 1))
	}
}

func destination(cluster string, weight uint32) Destination {
	d := Destination{Cluster: cluster, Weight: weight}
	if model.IsValidSubsetKey(cluster) {
		_, subset, host, port := model.ParseSubsetKey(cluster)
		d.Subset, d.Host, d.Port = subset, string(host), uint32(port)
	}
	return d
}
