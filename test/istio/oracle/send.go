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
	// To is the Service that the pod connects to, fully qualified; empty for a
	// host that is no Service.
	To   string
	Port uint32
	// Method is GET if empty, Scheme http, Authority To, Path "/".
	Method, Scheme, Authority string
	// Path may have a query.
	Path string
	// Header has several values where several lines have one name.
	Header map[string][]string
}

// Answer is where a request goes.
type Answer struct {
	// VirtualHost is the one that the authority selects, nil for none.
	VirtualHost *routev3.VirtualHost
	// Index is that of the route within its virtual host, -1 if none takes the
	// request; Status is then 404.
	Index int
	// Name is that of the route, as in access logs; "tcp" for a connection.
	Name string
	// Status is that of an answer which the proxy gives by itself, else 0. Body
	// and Location (as much of it as the route fixes) belong to such answers.
	Status   uint32
	Body     string
	Location string
	// Path is the request's as it is sent on.
	Path string
	// Destinations are where the request may go, none if Status is set.
	Destinations []Destination
	// Mirrors are where copies of it go.
	Mirrors []Destination
	// Route is all of the route, nil for none and for connections.
	Route *routev3.Route
	// TCP is all of what decides over a connection.
	TCP *tcpv3.TcpProxy
}

// Destination is a cluster and its share.
type Destination struct {
	// Cluster is the name, and the next three its parts; they are empty for
	// clusters that stand for no Service.
	Cluster string
	Host    string
	Subset  string
	Port    uint32
	// Weight is relative to those of the other destinations; 1 for a single one.
	Weight uint32
	// Missing is set where the proxy has no such cluster: it answers 503 (NC).
	Missing bool
	// Configuration is that of the cluster, nil where it is missing.
	Configuration *clusterv3.Cluster
	// Pods are the names of the ready pods that may get the request.
	Pods []string
}

// TCP is the method of requests that are connections of another protocol.
const TCP = "TCP"

// Send returns where request goes if p sends it.
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

// Evaluate returns where routes send request, as far as that can be told from
// them alone: without Missing and Pods of the destinations.
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

// redirectStatus are the answers of Envoy's redirect codes.
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

// send fills in where route sends a request for path.
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
