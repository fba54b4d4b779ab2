package conform

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Oracle returns the expectations in a world.
type Oracle struct {
	World    *World
	Snapshot *model.Snapshot
	Result   *compile.Result
	// Cluster says that they were read from a cluster.
	Cluster bool
}

// ErrUsers means that a user's VirtualService decides alone.
var ErrUsers = errors.New("the user's VirtualService decides alone")

// Expectation is the required outcome of a case.
type Expectation struct {
	// Table is "namespace/name" of the deciding table, "" for none, and Row the name of
	// its row that takes the request, "" for none; Route is that row's name in access
	// logs. Kind is the kind of the row.
	Table, Row, Route string
	Kind              route.Kind
	// Status is the status of the answer. If a workload answers, it is one of Servers.
	Status  int
	Servers []Server
	// ErrorHeader is the value of x-override-error; Location the target of a redirect.
	ErrorHeader, Location string
	// Path, Host and Request are as a workload sees them; Request has the headers that it
	// must, or (nil) must not see, Response those of the answer.
	Path, Host        string
	Request, Response map[string][]string
	// AtLeast is the minimal duration.
	AtLeast time.Duration
}

// Server is a workload, and the port of its pods.
type Server struct {
	// ID is "namespace/name".
	ID   string
	Port uint32
}

// Request is c as a proxy sees it.
func (o *Oracle) Request(c *Case) (*route.Request, error) {
	caller, err := o.World.Workload(c.From)
	if err != nil {
		return nil, err
	}
	out := &route.Request{
		Method: c.Method, Scheme: "http", Authority: c.Host, Path: c.Path, Port: c.Port,
		Header: map[string][]string{}, Caller: caller.Source(),
	}
	for _, h := range c.Header {
		name := strings.ToLower(h.Name)
		out.Header[name] = c.Lines(name)
	}
	return out, nil
}

// Expect returns the expectation of c.
func (o *Oracle) Expect(c *Case) (*Expectation, error) {
	request, err := o.Request(c)
	if err != nil {
		return nil, err
	}
	e := &Expectation{Path: c.Path, Host: c.Host, Request: map[string][]string{}, Response: map[string][]string{}}
	maps.Copy(e.Request, request.Header)
	table := o.Table(c)
	if table == nil || !possible(table, request) {
		s, err := o.World.Service(o.World.named(hostOnly(c.Host), request.Caller.Namespace))
		if err != nil {
			return nil, fmt.Errorf("no table and no Service is for host %s", c.Host)
		}
		if o.users(s) {
			return nil, ErrUsers
		}
		e.Route = "default"
		return e, o.forward(e, c, []route.Destination{{Host: s.FQDN()}})
	}
	e.Table = table.Namespace + "/" + table.Name
	decision := route.Evaluate(table, request)
	if decision.Route < 0 {
		e.Status = 404
		return e, nil
	}
	row := &table.Routes[decision.Route]
	e.Row, e.Route, e.Kind = row.Name, row.Name, row.Kind
	var match *route.Match
	if decision.Match >= 0 {
		match = &row.Matches[decision.Match]
		if match.Name != "" {
			e.Route += "." + match.Name
		}
	}
	if row.Response != nil {
		e.Status = int(row.Response.Status)
		e.ErrorHeader = row.Response.Value
		return e, nil
	}
	return e, o.act(e, &action{row: row, match: match, of: c})
}

// Table returns the table in force for c in its caller's namespace, nil for none.
func (o *Oracle) Table(c *Case) *route.Table {
	caller, err := o.World.Workload(c.From)
	if err != nil {
		return nil
	}
	host := o.Host(c)
	for i := range o.Result.Tables {
		t := &o.Result.Tables[i]
		if slices.Contains(t.Hosts, host) && visible(t, caller.Namespace) {
			return t
		}
	}
	return nil
}

// Host is the host of c: for a Service, the name that every namespace knows.
func (o *Oracle) Host(c *Case) string {
	host := hostOnly(c.Host)
	caller, err := o.World.Workload(c.From)
	if err != nil {
		return host
	}
	if s, err := o.World.Service(o.World.named(host, caller.Namespace)); err == nil {
		return s.FQDN()
	}
	return host
}

// users reports whether a user's VirtualService applies to the host of s.
func (o *Oracle) users(s *Service) bool {
	return slices.ContainsFunc(o.Snapshot.VirtualServices, func(v model.VirtualService) bool {
		return slices.ContainsFunc(v.Spec.GetHosts(), func(host string) bool { return o.full(host, v.Namespace) == s.FQDN() })
	})
}

// full completes a host in an object of a namespace.
func (o *Oracle) full(host, namespace string) string {
	if strings.Contains(host, ".") {
		return host
	}
	return host + "." + namespace + ".svc." + o.Snapshot.Options.ClusterDomain
}

func hostOnly(host string) string {
	name, _, _ := strings.Cut(host, ":")
	return strings.ToLower(name)
}

func visible(t *route.Table, namespace string) bool {
	return len(t.ExportTo) == 0 || slices.Contains(t.ExportTo, "*") || slices.Contains(t.ExportTo, namespace) ||
		(slices.Contains(t.ExportTo, ".") && t.Namespace == namespace)
}

// possible reports whether any row applies to that caller and port. If none does, Istio
// leaves the Service unchanged.
func possible(t *route.Table, request *route.Request) bool {
	for i := range t.Routes {
		if len(t.Routes[i].Matches) == 0 {
			return true
		}
		for _, m := range t.Routes[i].Matches {
			only := route.Match{Port: m.Port, SourceLabels: m.SourceLabels, SourceNamespace: m.SourceNamespace}
			if only.Mismatch(request) == nil {
				return true
			}
		}
	}
	return false
}

// forward expects an answer from the pods of destinations, or 503 from the proxy if there
// are none.
func (o *Oracle) forward(e *Expectation, c *Case, destinations []route.Destination) error {
	e.Status = 200
	for _, d := range destinations {
		if d.Weight == 0 && len(destinations) > 1 {
			continue
		}
		servers, err := o.servers(&d, c.Port)
		if err != nil {
			return err
		}
		e.Servers = append(e.Servers, servers...)
	}
	slices.SortFunc(e.Servers, func(a, b Server) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Port, b.Port)) })
	e.Servers = slices.Compact(e.Servers)
	if len(e.Servers) == 0 {
		e.Status = 503
	}
	return nil
}

// servers lists the workloads whose ready pods d selects.
func (o *Oracle) servers(d *route.Destination, port uint32) ([]Server, error) {
	name, namespace, ok := o.serviceName(d.Host)
	if !ok {
		return nil, fmt.Errorf("destination %s is not a Service", d.Host)
	}
	at := slices.IndexFunc(o.Snapshot.Services, func(s model.Service) bool { return s.Name == name && s.Namespace == namespace })
	declared := slices.IndexFunc(o.World.Services, func(s Service) bool { return s.Name == name && s.Namespace == namespace })
	if at < 0 || declared < 0 {
		return nil, fmt.Errorf("destination %s does not exist", d.Host)
	}
	s := &o.Snapshot.Services[at]
	labels, ok := o.subset(d)
	if !ok {
		return nil, nil
	}
	// A destination without a port means the only port of its Service, else the request's
	// port.
	switch {
	case d.Port != 0:
		port = d.Port
	case len(s.Ports) == 1:
		port = s.Ports[0].Number
	}
	var out []Server
	for _, b := range s.Backends {
		if b.Ready > 0 && model.HasLabels(b.Labels, labels) {
			out = append(out, Server{ID: namespace + "/" + b.Workload.Name, Port: o.World.Services[declared].target(port)})
		}
	}
	return out, nil
}

func (o *Oracle) serviceName(host string) (name, namespace string, ok bool) {
	name, rest, _ := strings.Cut(strings.ToLower(host), ".")
	namespace, ok = strings.CutSuffix(rest, ".svc."+o.Snapshot.Options.ClusterDomain)
	return name, namespace, ok
}

// subset returns the labels of the pods that d selects. It returns false for an undefined
// subset.
func (o *Oracle) subset(d *route.Destination) (map[string]string, bool) {
	if d.Subset == "" {
		return nil, true
	}
	for i := range o.Result.SubsetRules {
		rule := &o.Result.SubsetRules[i]
		for _, s := range rule.Subsets {
			if rule.Host == d.Host && s.Name == d.Subset {
				return s.Labels, true
			}
		}
	}
	for i := range o.Snapshot.DestinationRules {
		rule := &o.Snapshot.DestinationRules[i]
		host := o.full(rule.Spec.GetHost(), rule.Namespace)
		for _, s := range rule.Spec.GetSubsets() {
			if host == d.Host && s.GetName() == d.Subset {
				return s.GetLabels(), true
			}
		}
	}
	return nil, false
}
