package judge

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Pod is a pod that may answer.
type Pod struct {
	Name, Namespace string
	Labels          map[string]string
	// Next are the URLs that it calls for each request.
	Next []string
	// Caller identifies it for the tables when it calls.
	Caller route.Caller
}

// Expectation says where requests go at one point in time.
type Expectation struct {
	snapshot *model.Snapshot
	mesh     *envoy.Mesh
	pods     map[string][]Pod
}

// Expect returns the expectation for the tables of mesh.
func Expect(snapshot *model.Snapshot, mesh *envoy.Mesh, pods []Pod) *Expectation {
	e := &Expectation{snapshot: snapshot, mesh: mesh, pods: map[string][]Pod{}}
	for _, p := range pods {
		e.pods[p.Name] = append(e.pods[p.Name], p)
	}
	return e
}

// Call is a request as it leaves a caller.
type Call struct {
	Caller route.Caller
	Method string
	URL    string
	Header http.Header
}

// wanted says which pods may answer a call.
type wanted struct {
	// refused is set if no pod may be reached.
	refused bool
	pods    func(Pod) bool
	what    string
}

// wanted returns the expected answer; false if the call leaves the known Services.
func (e *Expectation) wanted(c *Call) (wanted, bool) {
	target, err := url.Parse(c.URL)
	if err != nil {
		return wanted{}, false
	}
	s := Resolve(e.snapshot, target.Hostname(), c.Caller.Namespace)
	if s == nil {
		return wanted{}, false
	}
	host := e.host(s)
	table := e.mesh.Table(host)
	if table == nil {
		return e.reached([]route.Destination{{Host: host}}), true
	}
	decision := route.Evaluate(table, c.request(target))
	if decision.Route < 0 || table.Routes[decision.Route].Response != nil {
		return wanted{refused: true, what: "no pod"}, true
	}
	return e.reached(table.Routes[decision.Route].Destinations), true
}

func (c *Call) request(target *url.URL) *route.Request {
	r := &route.Request{
		Method: c.Method, Scheme: "http", Authority: target.Host, Path: target.RequestURI(),
		Port: 80, Header: map[string][]string{}, Caller: c.Caller,
	}
	if target.Port() != "" {
		_, _ = fmt.Sscan(target.Port(), &r.Port) // url.Parse let only digits through
	}
	for name, lines := range c.Header {
		r.Header[strings.ToLower(name)] = lines
	}
	return r
}

// reached accepts the pods of any destination.
func (e *Expectation) reached(destinations []route.Destination) wanted {
	var names []string
	var fits []func(Pod) bool
	serving := false
	for _, d := range destinations {
		s := Resolve(e.snapshot, d.Host, "")
		if s == nil {
			continue
		}
		labels := e.mesh.Subset(d.Host, d.Subset)
		fit := func(p Pod) bool {
			return p.Namespace == s.Namespace && model.HasLabels(p.Labels, s.Selector) && model.HasLabels(p.Labels, labels)
		}
		names = append(names, strings.TrimSpace(s.Name+" "+d.Subset))
		fits = append(fits, fit)
		serving = serving || e.any(fit)
	}
	return wanted{
		refused: !serving,
		what:    strings.Join(names, " or "),
		pods: func(p Pod) bool {
			for _, fit := range fits {
				if fit(p) {
					return true
				}
			}
			return false
		},
	}
}

func (e *Expectation) any(fit func(Pod) bool) bool {
	for _, pods := range e.pods {
		if slices.ContainsFunc(pods, fit) {
			return true
		}
	}
	return false
}

// accepts reports whether a may be the answer to a call, and if not, which pods should
// have answered.
func (e *Expectation) accepts(c *Call, a *chain.Answer) (bool, string) {
	want, known := e.wanted(c)
	switch {
	case !known:
		return true, ""
	case want.refused || a.Error != "":
		return want.refused && a.Error != "", want.what
	}
	if slices.ContainsFunc(e.pods[a.Pod], want.pods) {
		return true, ""
	}
	return false, want.what
}

func (e *Expectation) host(s *model.Service) string {
	return e.snapshot.Options.FQDN(s.Name, s.Namespace)
}

// Resolve finds the Service of a host name for callers in a namespace; nil if there is
// none.
func Resolve(snapshot *model.Snapshot, host, namespace string) *model.Service {
	name, rest, qualified := strings.Cut(host, ".")
	if qualified {
		rest = strings.TrimSuffix(rest, "."+snapshot.Options.ClusterDomain)
		namespace = strings.TrimSuffix(rest, ".svc")
	}
	for i := range snapshot.Services {
		if s := &snapshot.Services[i]; s.Name == name && s.Namespace == namespace {
			return s
		}
	}
	return nil
}
