package envoy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Pod is a server behind Services: one process that answers on one address, whatever the
// port of the Service.
type Pod struct {
	Namespace string
	Labels    map[string]string
	// Address and Port are its listen address.
	Address string
	Port    uint32
	Ready   bool
}

// Proxy is an Envoy to configure.
type Proxy struct {
	// Caller is the workload whose calls go through it.
	Caller route.Caller
	// Default is the host of the Service for requests to the proxy's own address; it may
	// be empty. Requests for unknown hosts get 404.
	Default string
}

// Config is the configuration of a running Envoy.
type Config struct {
	// Clusters contain their endpoints. They are sorted by name.
	Clusters []*clusterv3.Cluster
	Routes   *routev3.RouteConfiguration
}

// Mesh is the common part of the proxies of all callers.
type Mesh struct {
	services []service
	// tables finds the table of a host, subsets the labels of a host's subsets.
	tables  map[string]*route.Table
	subsets map[string][]route.Subset
}

// service is a Service with its HTTP ports and the ready pods behind it.
type service struct {
	namespace, name, host string
	ports                 []uint32
	pods                  []Pod
}

// NewMesh combines the compiled result of snapshot with the pods that serve. Tables that
// can't be translated are left out, with a diagnostic: requests for these hosts go to the
// whole Service, as for a Service without a table.
func NewMesh(snapshot *model.Snapshot, result *compile.Result, pods []Pod) (*Mesh, []diag.Diagnostic) {
	m := &Mesh{tables: map[string]*route.Table{}, subsets: map[string][]route.Subset{}}
	for i := range snapshot.Services {
		m.addService(&snapshot.Services[i], &snapshot.Options, pods)
	}
	slices.SortFunc(m.services, func(a, b service) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	var diags []diag.Diagnostic
	refuse := func(kind, namespace, name, format string, args ...any) {
		object := diag.Object{Kind: kind, Namespace: namespace, Name: name}
		diags = append(diags, diag.New(diag.NotInDemo, object, format, args...))
	}
	for i := range result.SubsetRules {
		rule := &result.SubsetRules[i]
		if foreignPolicy(rule) {
			refuse("DestinationRule", rule.Namespace, rule.Name, "the demo does not simulate its traffic policy, which is from a DestinationRule of the user")
		}
		m.subsets[rule.Host] = append(m.subsets[rule.Host], rule.Subsets...)
	}
	for i := range result.Tables {
		table := &result.Tables[i]
		if why := m.unsupported(table); why != "" {
			refuse("VirtualService", table.Namespace, table.Name, "%s", why)
			continue
		}
		for _, host := range table.Hosts {
			m.tables[host] = table
		}
	}
	return m, diag.Sort(diags)
}

func (m *Mesh) addService(in *model.Service, options *model.Options, pods []Pod) {
	if in.ExternalName != "" {
		return
	}
	s := service{namespace: in.Namespace, name: in.Name, host: options.FQDN(in.Name, in.Namespace)}
	for _, p := range in.Ports {
		if p.HTTP {
			s.ports = append(s.ports, p.Number)
		}
	}
	slices.Sort(s.ports)
	for _, p := range pods {
		if p.Ready && p.Namespace == in.Namespace && len(in.Selector) > 0 && model.HasLabels(p.Labels, in.Selector) {
			s.pods = append(s.pods, p)
		}
	}
	slices.SortFunc(s.pods, func(a, b Pod) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	m.services = append(m.services, s)
}

func foreignPolicy(rule *route.SubsetRule) bool {
	return rule.Policy != nil || slices.ContainsFunc(rule.Subsets, func(s route.Subset) bool { return s.Policy != nil })
}

// unsupported says why table can't be translated, "" if it can.
func (m *Mesh) unsupported(table *route.Table) string {
	if len(table.Adopted) > 0 {
		return "the demo does not simulate the routes of VirtualService " + strings.Join(table.Adopted, ", ") + ", which it contains"
	}
	for i := range table.Routes {
		r := &table.Routes[i]
		if r.Base != nil || slices.ContainsFunc(r.Matches, func(m route.Match) bool {
			return m.URI != nil || m.Scheme != nil || m.Authority != nil || len(m.QueryParams) > 0
		}) {
			return fmt.Sprintf("route %s is not a route of Overrides", r.Name)
		}
		for _, d := range r.Destinations {
			if d.Headers != nil {
				return fmt.Sprintf("route %s changes headers", r.Name)
			}
			if !m.known(d) {
				return fmt.Sprintf("route %s leads to subset %s of %s, which is in a DestinationRule of the user", r.Name, d.Subset, d.Host)
			}
		}
	}
	return ""
}

// known reports whether a destination will have a cluster.
func (m *Mesh) known(d route.Destination) bool {
	return m.service(d.Host) != nil && (d.Subset == "" ||
		slices.ContainsFunc(m.subsets[d.Host], func(s route.Subset) bool { return s.Name == d.Subset }))
}

func (m *Mesh) service(host string) *service {
	for i := range m.services {
		if m.services[i].host == host {
			return &m.services[i]
		}
	}
	return nil
}

// Config returns the configuration of the Envoy of a caller.
func (m *Mesh) Config(proxy Proxy) *Config {
	return &Config{Clusters: m.clusters(), Routes: m.routes(proxy)}
}

// Table returns the table that is used for a host, nil if there is none.
func (m *Mesh) Table(host string) *route.Table { return m.tables[host] }

// Subset returns the labels of the pods of a subset.
func (m *Mesh) Subset(host, name string) map[string]string {
	for _, s := range m.subsets[host] {
		if s.Name == name {
			return s.Labels
		}
	}
	return nil
}
