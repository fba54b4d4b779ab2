package mesh

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Island is the set of objects that decide what callers of a few hosts get, with or
// without the objects of Overrides.
type Island struct {
	mesh  *Mesh
	ours  *Ours
	order Order
	// domains are the names that the hosts have for some caller, sorted.
	domains []string
	// sources are in istiod's order.
	sources  []*Source
	services serviceSet

	// atGateways is set for what decides at gateways.
	atGateways bool

	// The fields below are computed on demand.
	sorted    map[string][]*Rule
	inForce   map[ruleKey]*Merged
	allScopes []Scope
	callers   []*Class
	tooMany   bool
}

// Island collects the objects that decide about hosts, which are resolved: the
// VirtualServices that may have one of their domains, for some caller, and the Services
// that these name or lead to. ours is nil for the mesh without the objects of Overrides.
func (m *Mesh) Island(hosts []string, ours *Ours, order Order) *Island {
	x := &Island{mesh: m, ours: ours, order: order}
	for _, host := range hosts {
		x.addHost(host)
	}
	slices.Sort(x.domains)
	x.domains = slices.Compact(x.domains)
	for _, domain := range x.domains {
		x.claims(domain)
	}
	// Services with a domain that is the host of another one, and those they name or lead
	// to, don't add domains.
	for _, s := range slices.Clone(x.sources) {
		x.reach(s)
	}
	for _, s := range x.services {
		if len(m.sidecars) == 0 && s.scope.Public {
			continue
		}
		x.addSources(m.leading[s.Host])
		if ours != nil {
			x.addSources(ours.leadingTo(s.Host))
		}
	}
	return x
}

// addSources adds those of sources that are missing, in istiod's order.
func (x *Island) addSources(sources []*Source) {
	for _, s := range sources {
		if at, found := slices.BinarySearchFunc(x.sources, s, x.compareSources); !found {
			x.sources = slices.Insert(x.sources, at, s)
		}
	}
}

func (x *Island) compareSources(a, b *Source) int {
	if a == b {
		return 0
	}
	return cmp.Or(x.order.compare(age{a.Created, a.Object, a.Ours()}, age{b.Created, b.Object, b.Ours()}), a.Object.Compare(b.Object))
}

// Order returns the assumed order of objects.
func (x *Island) Order() Order { return x.order }

// Domains lists all names that the hosts have for some caller, sorted.
func (x *Island) Domains() []string { return x.domains }

// Sources lists the VirtualServices, in istiod's order.
func (x *Island) Sources() []*Source { return x.sources }

func (x *Island) addHost(host string) {
	x.domains = append(x.domains, host)
	if isWildcard(host) {
		for _, s := range x.mesh.Under(host) {
			x.addService(s)
		}
		return
	}
	for _, s := range x.mesh.named(host) {
		if s != nil {
			x.addService(s)
		}
	}
}

// Under lists the Services that a wildcard covers, by host. It excludes aliases of
// others: callers get these.
func (m *Mesh) Under(wildcard string) []*Service {
	var out []*Service
	for host, s := range m.services {
		if covers(wildcard, host) && s.Stands == "" {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *Service) int { return cmp.Compare(a.Host, b.Host) })
	return out
}

// addService adds all domains of a Service.
func (x *Island) addService(s *Service) {
	x.services.add(s)
	// In the namespaces of s and of its aliases, these have an even shorter name.
	x.addNames(s, s.Namespace)
	for _, a := range s.Aliases {
		alias := x.mesh.services[a]
		x.services.add(alias)
		x.addNames(s, alias.Namespace)
	}
}

func (x *Island) addNames(s *Service, caller string) {
	domains, _ := x.mesh.names(s, caller, nil)
	x.domains = append(x.domains, domains...)
}

// claims adds the sources and the Services that may have a domain.
func (x *Island) claims(domain string) {
	if isWildcard(domain) {
		for _, index := range x.indexes() {
			x.addSources(index.wildcard[domain])
		}
		return
	}
	x.claimants(domain)
	for _, s := range x.mesh.named(domain) {
		if s != nil && x.services.add(s) {
			for _, index := range x.indexes() {
				x.addSources(index.exact[s.Host])
			}
		}
	}
}

// claimants adds the sources with a host, or with a wildcard that covers it.
func (x *Island) claimants(host string) {
	for _, index := range x.indexes() {
		x.addSources(index.exact[host])
		x.addSources(index.overlapping(host))
	}
}

func (x *Island) indexes() []*sourceIndex {
	if x.ours == nil {
		return []*sourceIndex{&x.mesh.sources}
	}
	return []*sourceIndex{&x.mesh.sources, &x.ours.sources}
}

// reach adds the Services that s names, as hosts and as destinations. For Services under
// its wildcard, it also adds the sources that compete with s for them.
func (x *Island) reach(s *Source) {
	for _, host := range s.Hosts {
		if service := x.mesh.services[host]; service != nil {
			x.services.add(service)
		}
		if isWildcard(host) && len(s.Hosts) > 1 {
			// The other hosts have routes on the ports of the Services that the wildcard
			// covers.
			for _, service := range x.mesh.Under(host) {
				x.services.add(service)
				x.claimants(service.Host)
			}
		}
	}
	for _, host := range s.leadsTo {
		for range 2 { // an alias, and its target
			if service := x.mesh.services[host]; service != nil {
				x.services.add(service)
				host = service.Stands
			}
		}
	}
}

// Touched reports whether any object of users other than DestinationRules may decide
// about a host. If there is none, all callers get the plain Service, by all its names.
func (m *Mesh) Touched(host string) bool {
	s := m.services[host]
	if s == nil || s.Stands != "" || len(s.Aliases) > 0 || !s.scope.Public || len(m.sidecars) > 0 || len(m.sources.overlapping(host)) > 0 {
		return true
	}
	if s.Kubernetes != nil && s.Kubernetes.Headless {
		return true
	}
	if len(m.sources.all) == 0 && len(m.entries) == 0 {
		return false
	}
	domains, _ := m.names(s, s.Namespace, nil)
	return slices.ContainsFunc(domains, func(d string) bool {
		return len(m.sources.exact[d]) > 0 || (d != host && m.services[d] != nil)
	})
}

// Orders lists the orders of objects that may give different decisions about the hosts.
func (x *Island) Orders() []Order {
	out := []Order{{}}
	if x.agesMatter() {
		out = append(out, Order{Reverse: true})
	}
	if x.ours != nil && x.oursMatters() {
		for _, o := range slices.Clone(out) {
			o.OursLast = true
			out = append(out, o)
		}
	}
	return out
}

// agesMatter reports whether the relative age of some objects of users, or of several of
// Overrides, is not known.
func (x *Island) agesMatter() bool {
	users, unknown, ours := 0, 0, 0
	for _, s := range x.sources {
		if s.Ours() {
			ours++
		} else {
			users++
			if s.Created.IsZero() {
				unknown++
			}
		}
	}
	if (users > 1 && unknown > 0) || ours > 1 || x.atGateways && x.mesh.gatewayAgesMatter() {
		return true
	}
	for _, list := range x.mesh.sidecars {
		if len(list) > 1 && slices.ContainsFunc(list, func(s *model.Sidecar) bool { return s.Created.IsZero() }) {
			return true
		}
	}
	for _, s := range x.services {
		users, unknown = 0, 0
		for _, r := range x.rulesOf(s.Host) {
			if r.Ours == nil {
				users++
				if r.Created.IsZero() {
					unknown++
				}
			}
		}
		if users > 1 && unknown > 0 {
			return true
		}
	}
	return false
}

// oursMatters reports whether the older one would be preferred of an object of Overrides
// and a user's object, or of two objects of Overrides.
func (x *Island) oursMatters() bool {
	for i, a := range x.sources {
		for _, b := range x.sources[i+1:] {
			if (a.Ours() || b.Ours()) && a.scope.Public == b.scope.Public {
				return true
			}
		}
	}
	for _, s := range x.services {
		rules := x.rulesOf(s.Host)
		for i, a := range rules {
			for _, b := range rules[i+1:] {
				if (a.Ours != nil || b.Ours != nil) && a.Host == b.Host && compete(a, b) {
					return true
				}
			}
		}
	}
	return false
}

// compete reports whether two rules define the same thing, or are not merged.
func compete(a, b *Rule) bool {
	if !equalSets(a.ExportTo, b.ExportTo) || a.Selector != nil || b.Selector != nil || (a.Policy != nil && b.Policy != nil) {
		return true
	}
	return slices.ContainsFunc(a.Subsets, func(s route.Subset) bool {
		return slices.ContainsFunc(b.Subsets, func(t route.Subset) bool { return s.Name == t.Name })
	})
}

// AnyCaller returns a class of all callers, if no object of users tells them apart and
// the objects of Overrides are public.
func (m *Mesh) AnyCaller() *Class { return &m.anyCaller }

// Ports lists the ports on which a domain of the island may have routes: the HTTP ports
// of its Services, and 80.
func (x *Island) Ports() []uint32 {
	out := []uint32{httpPort}
	for _, s := range x.services {
		for _, p := range s.Ports {
			if p.HTTP && !slices.Contains(out, p.Number) {
				out = append(out, p.Number)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Classes lists the classes of callers that the objects of the island tell apart. It
// returns false if there are too many.
func (x *Island) Classes() ([]*Class, bool) {
	if x.callers == nil && !x.tooMany {
		classes, ok := SharedClasses(x)
		x.callers, x.tooMany = classes, !ok
	}
	return x.callers, !x.tooMany
}

// Class returns the class of one caller.
func (x *Island) Class(namespace, revision string, labels map[string]string) *Class {
	return &Class{Namespace: namespace, Namespaces: []string{namespace}, Revision: revision, Labels: labels}
}
