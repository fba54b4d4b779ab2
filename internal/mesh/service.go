package mesh

import (
	"cmp"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Service is a host in the mesh's registry: a Kubernetes Service, or a host of a
// ServiceEntry.
type Service struct {
	Host, Namespace string
	// Kubernetes is the Service; nil for a host of a ServiceEntry.
	Kubernetes *model.Service
	Ports      []model.Port
	// Stands is the host that an ExternalName Service is an alias for, one step only;
	// empty for others.
	Stands string
	// Aliases are the hosts that are aliases of this one, sorted.
	Aliases []string
	// Contested are the ServiceEntries with the host of a Kubernetes Service. Which of
	// them a caller gets depends on its namespace (pilot/pkg/model:
	// IstioEgressListenerWrapper.selectServices), which this package does not model.
	Contested []diag.Object
	scope     Scope
	// entry is the ServiceEntry with the host; nil for a Kubernetes Service.
	entry *model.ServiceEntry
	// rooted is Host with a final dot.
	rooted string
}

// serviceSet is Services, sorted by host.
type serviceSet []*Service

// of returns the Service of a host, nil if there is none.
func (l serviceSet) of(host string) *Service {
	if at, found := l.find(host); found {
		return l[at]
	}
	return nil
}

// add adds s, and reports whether it was missing.
func (l *serviceSet) add(s *Service) bool {
	at, found := l.find(s.Host)
	if !found {
		*l = slices.Insert(*l, at, s)
	}
	return !found
}

func (l serviceSet) find(host string) (int, bool) {
	return slices.BinarySearchFunc(l, host, func(s *Service, host string) int { return cmp.Compare(s.Host, host) })
}

// Scope says which namespaces see s.
func (s *Service) Scope() Scope { return s.scope }

// seenBy reports whether callers of a class know s.
func (s *Service) seenBy(c *Class) bool {
	return s.scope.Includes(c.Namespace) && c.reads(s.revision())
}

// revision is the revision of a ServiceEntry; empty for objects that every istiod reads.
func (s *Service) revision() string {
	if s.entry == nil {
		return ""
	}
	return s.entry.Revision
}

// hasSubset reports whether a subset has a cluster. A host that proxies resolve by DNS
// has one only if an endpoint in the ServiceEntry has the labels
// (pilot/pkg/networking/core: ClusterBuilder.buildCluster). Selected endpoints are
// assumed to be missing.
func (s *Service) hasSubset(labels map[string]string) bool {
	if s.entry == nil {
		return true
	}
	switch s.entry.Spec.GetResolution() {
	case istioapi.ServiceEntry_DNS, istioapi.ServiceEntry_DNS_ROUND_ROBIN:
		return slices.ContainsFunc(s.entry.Spec.GetEndpoints(), func(e *istioapi.WorkloadEntry) bool {
			return model.HasLabels(e.GetLabels(), labels)
		})
	default:
		return true
	}
}

// hasPort reports whether HTTP routes apply to a port of s.
func (s *Service) hasPort(number uint32) bool {
	return slices.ContainsFunc(s.Ports, func(p model.Port) bool { return p.Number == number })
}

func (s *Service) carriesHTTP(number uint32) bool {
	return slices.ContainsFunc(s.Ports, func(p model.Port) bool { return p.Number == number && p.HTTP })
}

// indexServices builds the registry. For a host that several objects name, a Kubernetes
// Service counts, or else the first object by namespace and name; further ServiceEntries
// of its namespace add ports.
func (m *Mesh) indexServices() {
	s := m.snapshot
	m.services = make(map[string]*Service, len(s.Services))
	all := make([]Service, len(s.Services))
	for i := range s.Services {
		k := &s.Services[i]
		rooted := k.Name + "." + k.Namespace + m.suffix + "."
		all[i] = Service{
			Host: rooted[:len(rooted)-1], rooted: rooted, Namespace: k.Namespace, Kubernetes: k, Ports: k.Ports, Stands: strings.ToLower(k.ExternalName),
			scope: scopeOf(k.ExportTo, s.Mesh.ServiceExportTo, k.Namespace),
		}
		m.services[all[i].Host] = &all[i]
		if k.ExternalName != "" {
			m.aliases = append(m.aliases, &all[i])
		}
	}
	for i := range s.ServiceEntries {
		e := &s.ServiceEntries[i]
		for _, host := range e.Spec.GetHosts() {
			host = strings.ToLower(host)
			if have := m.services[host]; have != nil {
				if have.Kubernetes != nil {
					have.Contested = append(have.Contested, e.Object())
				} else if have.Namespace == e.Namespace && have.entry.Revision == e.Revision {
					have.addPorts(e)
				}
				continue
			}
			x := &Service{Host: host, rooted: host + ".", Namespace: e.Namespace, entry: e, scope: scopeOf(e.Spec.GetExportTo(), s.Mesh.ServiceExportTo, e.Namespace)}
			x.addPorts(e)
			m.services[host] = x
			m.entries = append(m.entries, x)
		}
	}
	m.resolveAliases()
}

// addPorts adds the ports of a ServiceEntry that s does not have: each of several
// ServiceEntries for a host counts on its ports (pilot/pkg/networking/core:
// buildSidecarOutboundVirtualHosts).
func (s *Service) addPorts(e *model.ServiceEntry) {
	for _, p := range e.Spec.GetPorts() {
		if !s.hasPort(p.GetNumber()) {
			s.Ports = append(s.Ports, model.Port{Name: p.GetName(), Number: p.GetNumber(), HTTP: entryCarriesHTTP(p.GetProtocol())})
		}
	}
}

// entryCarriesHTTP reads the protocol of a ServiceEntry's port (pkg/config/protocol: Parse, IsHTTPOrSniffed).
func entryCarriesHTTP(name string) bool {
	switch strings.ToLower(name) {
	case "http", "http2", "grpc", "grpc-web", "http_proxy", "":
		return true
	}
	return false
}

// resolveAliases gives each Service the hosts of the ExternalName Services that are
// aliases of it, through others if need be; a cycle has no target (pilot/pkg/model:
// resolveServiceAliases).
func (m *Mesh) resolveAliases() {
	for _, a := range m.aliases {
		if s := m.services[m.concrete(a.Host)]; s != nil {
			s.Aliases = append(s.Aliases, a.Host)
		}
	}
	for _, s := range m.services {
		slices.Sort(s.Aliases)
	}
}

// concrete follows ExternalName Services from host to their final target; empty for a
// cycle.
func (m *Mesh) concrete(host string) string {
	for range len(m.aliases) + 1 {
		s := m.services[host]
		if s == nil || s.Stands == "" {
			return host
		}
		host = s.Stands
	}
	return ""
}

// Concrete returns the host of the Service that requests to host reach: host itself, or
// the target of an ExternalName Service with that name. Istio follows only one step when
// it translates a destination (pilot/pkg/networking/core/route: GetDestinationCluster).
func (m *Mesh) Concrete(host string) string {
	if s := m.services[host]; s != nil && s.Stands != "" {
		return s.Stands
	}
	return host
}

// FQDN returns the name under which the mesh knows a Kubernetes Service.
func (m *Mesh) FQDN(name, namespace string) string { return m.snapshot.Options.FQDN(name, namespace) }

// Resolve returns host as Istio reads it in an object of namespace: a name without a dot
// is a Service of that namespace, everything else is unchanged (pilot/pkg/model:
// ResolveShortnameToFQDN).
func (m *Mesh) Resolve(host, namespace string) string {
	return m.snapshot.Options.Resolve(host, namespace)
}

// names returns the domains by which callers of a namespace may call s: its host and
// those of its aliases, each with a final dot, and the shorter forms that resolve in that
// namespace (pilot/pkg/networking/core: generateVirtualHostDomains,
// GenerateAltVirtualHosts), including alternative ones. Addresses are left out. Only
// aliases that callers import count, or all if imported is nil.
func (m *Mesh) names(s *Service, caller string, imported *imports) (domains, alternative []string) {
	domains = make([]string, 0, namesPerHost*(1+len(s.Aliases)))
	domains = append(domains, s.Host)
	for _, a := range s.Aliases {
		if imported.hasAlias(s, a) {
			domains = append(domains, a)
		}
	}
	hosts := domains
	domains = m.addAlternatives(domains, s, caller)
	for _, a := range hosts[1:] {
		domains = m.addAlternatives(domains, m.services[a], caller)
	}
	alternative = domains[len(hosts):]
	if s.Kubernetes != nil && s.Kubernetes.Headless {
		for _, d := range slices.Clone(domains) {
			domains = append(domains, "*."+d)
		}
	}
	return domains, alternative
}

// namesPerHost is the maximum number of names of a host.
const namesPerHost = 5

// addAlternatives adds the other names that the host of s has for callers.
func (m *Mesh) addAlternatives(domains []string, s *Service, caller string) []string {
	domains = append(domains, s.rooted)
	short, found := strings.CutSuffix(s.Host, m.suffix)
	name, namespace, dotted := strings.Cut(short, ".")
	if !found || !dotted {
		return domains
	}
	domains = append(domains, s.Host[:len(short)+len(".svc")], short)
	if namespace == caller {
		domains = append(domains, name)
	}
	return domains
}

// LacksPort reports whether a domain names, for some caller, a Service without a port.
func (m *Mesh) LacksPort(domain string, port uint32) bool {
	found := m.Named(domain)
	return len(found) > 0 && !slices.ContainsFunc(found, func(s *Service) bool { return s.hasPort(port) })
}

// Named lists the Services that a domain may name for any caller: those with this host or
// alternative name, except for the shortest.
func (m *Mesh) Named(domain string) []*Service {
	var out []*Service
	for _, s := range m.named(domain) {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

// named returns the Services that a domain may name, for some caller: the one with this
// host, and the one with this alternative name; nil if there is none, or it is the same.
func (m *Mesh) named(domain string) [2]*Service {
	domain = strings.TrimSuffix(domain, ".")
	own := m.standsFor(m.services[domain])
	m.text = append(append(m.text[:0], strings.TrimSuffix(domain, ".svc")...), m.suffix...)
	longer := m.standsFor(m.services[string(m.text)])
	if longer == own {
		longer = nil
	}
	return [2]*Service{own, longer}
}

// standsFor returns the final target of s. An alias for a host that the mesh does not
// know is its own target.
func (m *Mesh) standsFor(s *Service) *Service {
	if s == nil || s.Stands == "" {
		return s
	}
	if of := m.services[m.concrete(s.Host)]; of != nil {
		return of
	}
	return s
}
