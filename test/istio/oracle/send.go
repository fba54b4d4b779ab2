package oracle

import (
	"cmp"
	"maps"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
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
	// VirtualHost is the name of the one that the authority selects, "" for none.
	VirtualHost string
	// Index is that of the route within its virtual host, -1 if none takes the
	// request; Status is then 404.
	Index int
	// Name is that of the route, as in access logs.
	Name string
	// Status is that of an answer which the proxy gives by itself, else 0. Body
	// and Location (as much of it as the route fixes) belong to such answers.
	Status   uint32
	Body     string
	Location string
	// Destinations are where the request may go, none if Status is set.
	Destinations []Destination
	// Route is all of the route, nil for none.
	Route *routev3.Route
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
	// Pods are the names of the ready pods that may get the request.
	Pods []string
}

// Send returns where request goes if p sends it.
func (m *Mesh) Send(p Proxy, request Request) (Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.sidecar(p)
	if err != nil {
		return Answer{}, err
	}
	routes, err := m.routesOf(s, request.To, request.Port)
	if err != nil {
		return Answer{}, err
	}
	answer := Evaluate(routes, request)
	for i := range answer.Destinations {
		d := &answer.Destinations[i]
		_, ok := s.clusters[d.Cluster]
		d.Missing = !ok
		if ok {
			d.Pods = m.endpoints(s, d.Cluster)
		}
	}
	return answer, nil
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
	answer.VirtualHost = host.Name
	for i, route := range host.Routes {
		if matches(route.Match, &request) {
			answer.Index, answer.Name, answer.Route = i, route.Name, route
			answer.act(route)
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

func (a *Answer) act(route *routev3.Route) {
	a.Status = 0
	switch {
	case route.GetDirectResponse() != nil:
		body := route.GetDirectResponse().GetBody()
		a.Status = route.GetDirectResponse().Status
		a.Body = cmp.Or(body.GetInlineString(), string(body.GetInlineBytes()))
	case route.GetRedirect() != nil:
		redirect := route.GetRedirect()
		a.Status = redirectStatus[redirect.ResponseCode]
		a.Location = redirect.GetSchemeRedirect() + "//" + redirect.HostRedirect + redirect.GetPathRedirect() + redirect.GetPrefixRewrite()
	case route.GetRoute().GetWeightedClusters() != nil:
		for _, c := range route.GetRoute().GetWeightedClusters().Clusters {
			a.Destinations = append(a.Destinations, destination(c.Name, c.Weight.GetValue()))
		}
	case route.GetRoute() != nil:
		a.Destinations = []Destination{destination(route.GetRoute().GetCluster(), 1)}
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
