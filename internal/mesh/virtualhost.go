package mesh

import (
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// VirtualHost is the routes that callers have for some domains on a port.
type VirtualHost struct {
	// Domains are its domains in the island, sorted.
	Domains []string
	// Source is the VirtualService of its routes; nil for a Service's own.
	Source *Source
	// Service is the Service of its domains; nil if they are not a Service's.
	Service *Service
	// Routes are in order. None follows a route that matches everything.
	Routes []Route
}

// VirtualHosts returns the virtual hosts with a domain of the island, for callers of a
// class on a port (pilot/pkg/networking/core: BuildSidecarOutboundVirtualHosts;
// core/route: BuildSidecarVirtualHostWrapper).
func (x *Island) VirtualHosts(class *Class, port uint32) []VirtualHost {
	imported, listens := x.importsOf(class, port)
	if !listens {
		return nil
	}
	b := &hostBuilder{Island: x, class: class, port: port, registry: x.registry(class, imported, port)}
	wrappers := b.wrappers(b.selectSources(imported))
	var known serviceSet
	for _, w := range wrappers {
		for _, s := range w.services {
			known.add(s)
		}
	}
	claimed := map[string]bool{}
	out := make([]VirtualHost, 0, len(known))
	add := func(h VirtualHost, domains, alternative []string) {
		for _, d := range domains {
			if claimed[d] || (known.of(d) != nil && slices.Contains(alternative, d)) {
				continue
			}
			claimed[d] = true
			if x.has(d) || x.coversAny(d) {
				h.Domains = append(h.Domains, d)
			}
		}
		if len(h.Domains) > 0 {
			slices.Sort(h.Domains)
			out = append(out, h)
		}
	}
	for _, w := range wrappers {
		for _, host := range w.hosts {
			add(VirtualHost{Source: w.source, Routes: w.routes}, []string{host}, nil)
		}
		for _, s := range w.services {
			domains, alternative := x.mesh.names(s, class.Namespace, imported)
			add(VirtualHost{Source: w.source, Service: s, Routes: w.routes}, domains, alternative)
		}
	}
	return out
}

// has reports whether the island has a domain.
func (x *Island) has(domain string) bool {
	_, found := slices.BinarySearch(x.domains, domain)
	return found
}

// coversAny reports whether a wildcard covers a domain of the island.
func (x *Island) coversAny(wildcard string) bool {
	if !isWildcard(wildcard) {
		return false
	}
	for _, d := range x.domains {
		if subsetOf(d, wildcard) {
			return true
		}
	}
	return false
}

// wrapper is the routes of a VirtualService, or of a plain Service, with their hosts:
// Services, and hosts that are not Services.
type wrapper struct {
	source   *Source
	hosts    []string
	services []*Service
	routes   []Route
}

// wrappers lists the wrappers of the VirtualServices that apply to callers, in order, and
// of the Services that none of these is for.
func (b *hostBuilder) wrappers(selected []*Source) []wrapper {
	mostSpecific := b.mostSpecific(selected)
	var out []wrapper
	served := map[string]bool{}
	for _, s := range selected {
		routes := b.mesh.routesFor(s, b.class, b.port)
		if len(routes) == 0 && s.Problem == nil {
			continue
		}
		hosts, services := b.split(s, mostSpecific)
		services = slices.DeleteFunc(services, func(s *Service) bool { return !s.carriesHTTP(b.port) })
		if len(services) == 0 && b.port != httpPort {
			continue
		}
		for _, service := range services {
			served[service.Host] = true
		}
		out = append(out, wrapper{s, hosts, services, routes})
	}
	for _, s := range b.registry {
		if !served[s.Host] && s.Stands == "" && s.carriesHTTP(b.port) {
			own := []Route{{Match: everything, Destinations: []route.Destination{{Host: s.Host, Port: b.port}}}}
			out = append(out, wrapper{services: []*Service{s}, routes: own})
		}
	}
	return out
}

// httpPort is the only port on which hosts that are not Services have virtual hosts of
// their own.
const httpPort = 80

// hostBuilder builds the virtual hosts of a class and a port.
type hostBuilder struct {
	*Island
	class *Class
	port  uint32
	// registry has the imported Services with the port.
	registry serviceSet
}

// registry returns the Services that callers import on a port.
func (x *Island) registry(class *Class, imported *imports, port uint32) serviceSet {
	out := make(serviceSet, 0, len(x.services))
	for _, s := range x.services {
		if !s.seenBy(class) || !s.hasPort(port) || !imported.has(s.Host, s.Namespace, false) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// selectSources lists the VirtualServices that callers see and import, in order
// (pilot/pkg/model: SelectVirtualServices; pilot/pkg/networking/core:
// selectVirtualServices).
func (b *hostBuilder) selectSources(imported *imports) []*Source {
	return b.seenSources(b.class, func(s *Source) bool {
		if !slices.ContainsFunc(s.written, func(h string) bool { return imported.has(h, s.Namespace, true) }) {
			return false
		}
		return b.port == httpPort || b.matchesService(s)
	})
}

// seenSources lists the sources that proxies of a class see, and for which wanted is true, in
// the order in which they count: the own ones, those exported by name, those exported to all.
func (x *Island) seenSources(class *Class, wanted func(*Source) bool) []*Source {
	var buckets [3][]*Source
	for _, s := range x.sources {
		at, seen := s.scope.bucket(s.Namespace, class.Namespace)
		if seen && class.reads(s.Revision) && wanted(s) {
			buckets[at] = append(buckets[at], s)
		}
	}
	return slices.Concat(buckets[:]...)
}

func (b *hostBuilder) matchesService(s *Source) bool {
	return slices.ContainsFunc(s.Hosts, func(h string) bool {
		if b.registry.of(h) != nil {
			return true
		}
		return slices.ContainsFunc(b.registry, func(s *Service) bool {
			return (isWildcard(h) || isWildcard(s.Host)) && Overlap(h, s.Host)
		})
	})
}

// mostSpecific finds for each Service the VirtualService with the most specific host, in
// the case in which it is written (pilot/pkg/model:
// computeWildcardHostVirtualServiceIndex).
func (b *hostBuilder) mostSpecific(selected []*Source) map[string]*Source {
	if !slices.ContainsFunc(selected, func(s *Source) bool { return slices.ContainsFunc(s.Hosts, isWildcard) }) {
		return nil // not needed
	}
	out := make(map[string]*Source, len(b.registry))
	for _, service := range b.registry {
		host, best := service.Host, ""
		for _, s := range selected {
			for _, h := range s.written {
				if subsetOf(host, h) && best != host && (best == "" || h == host || len(h) > len(best)) {
					out[host], best = s, h
				}
			}
		}
	}
	return out
}

// split separates the hosts of s that are not Services from the Services that it is for
// (pilot/pkg/networking/core/route: separateVSHostsAndServices).
func (b *hostBuilder) split(s *Source, mostSpecific map[string]*Source) (hosts []string, services []*Service) {
	for _, h := range s.Hosts {
		switch {
		case isWildcard(h):
		case b.registry.of(h) != nil:
			services = append(services, b.registry.of(h))
		default:
			hosts = append(hosts, h)
		}
	}
	for _, h := range s.Hosts {
		if !isWildcard(h) {
			continue
		}
		found := false
		for _, service := range b.registry {
			if !Overlap(service.Host, h) {
				continue
			}
			found = true
			if mostSpecific[service.Host] == s {
				services = append(services, service)
			}
		}
		if !found && !b.anyCovered(h, b.class, b.port) {
			hosts = append(hosts, h)
		}
	}
	return hosts, services
}

// anyCovered reports whether a wildcard covers any Service, for callers of a class on a
// port.
func (x *Island) anyCovered(wildcard string, class *Class, port uint32) bool {
	imported, _ := x.importsOf(class, port)
	for host, s := range x.mesh.services {
		if covers(wildcard, host) && s.seenBy(class) && s.hasPort(port) && imported.has(host, s.Namespace, false) {
			return true
		}
	}
	return false
}

// routesFor lists the routes of s for callers of a class on a port
// (pilot/pkg/networking/core/route: BuildHTTPRoutesForVirtualService).
func (m *Mesh) routesFor(s *Source, class *Class, port uint32) []Route {
	cut := len(s.Routes)
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Match.Port != 0 || r.Match.SourceNamespace != "" || len(r.Match.SourceLabels) > 0 {
			cut = -1
			break
		}
		if r.catchesAll() {
			cut = i + 1
			break
		}
	}
	if cut >= 0 {
		return s.Routes[:cut:cut] // the same for all callers
	}
	return applying(s.Routes, func(r *Route) bool { return r.appliesTo(class, port) })
}

// appliesTo reports whether r is for proxies of a class on a port.
func (r *Route) appliesTo(class *Class, port uint32) bool {
	return (r.Match.Port == 0 || r.Match.Port == port) &&
		(r.Match.SourceNamespace == "" || r.Match.SourceNamespace == class.Namespace) &&
		model.HasLabels(class.Labels, r.Match.SourceLabels)
}

// applying lists the routes for which applies is true, up to one after which Istio ignores
// the rest.
func applying(routes []Route, applies func(*Route) bool) []Route {
	n := 0
	for i := range routes {
		if applies(&routes[i]) {
			n++
		}
	}
	out := make([]Route, 0, n)
	for i := range routes {
		r := &routes[i]
		if !applies(r) {
			continue
		}
		out = append(out, *r)
		if r.catchesAll() {
			break
		}
	}
	return out
}

// Lookup returns the virtual host for requests with an authority: that of the name
// itself, or else of the longest wildcard; nil if there is none.
func Lookup(hosts []VirtualHost, authority string) *VirtualHost {
	authority = strings.ToLower(authority)
	var best *VirtualHost
	length := -1
	for i := range hosts {
		for _, d := range hosts[i].Domains {
			if d == authority {
				return &hosts[i]
			}
			if isWildcard(d) && len(d) > length && subsetOf(authority, d) {
				best, length = &hosts[i], len(d)
			}
		}
	}
	return best
}

// Cluster is the target of a destination.
type Cluster struct {
	Host, Subset string
	Port         uint32
}

// Cluster returns the cluster that a destination of a route names, for callers of a
// class on a port (pilot/pkg/networking/core/route: GetDestinationCluster).
func (x *Island) Cluster(class *Class, port uint32, d *route.Destination) Cluster {
	out := Cluster{d.Host, d.Subset, d.Port}
	if out.Port == 0 {
		out.Port = port
	}
	s := x.services.of(d.Host)
	if class.gateway {
		return x.clusterAtGateway(s, class, d, out)
	}
	if s == nil || s.Stands == "" || !s.hasPort(port) || !s.seenBy(class) {
		return out
	}
	if imported, _ := x.importsOf(class, port); imported.has(d.Host, s.Namespace, false) {
		out.Host = s.Stands
	}
	return out
}

// Exists reports whether callers of a class have a cluster: its Service is imported, or
// an imported VirtualService leads to it; it has the port; and a rule that is in force
// has the subset (pilot/pkg/model: SidecarScope.collectImportedServices). Aliases have no
// clusters (pilot/pkg/networking/core: buildOutboundClusters).
func (x *Island) Exists(class *Class, c Cluster) bool {
	s := x.services.of(c.Host)
	if s == nil || s.Stands != "" || !s.hasPort(c.Port) {
		return false
	}
	if !x.imports(class, s, c.Port) {
		return false
	}
	if c.Subset == "" {
		return true
	}
	subset, found := x.Rule(class, c.Host).Subset(c.Subset)
	return found && s.hasSubset(subset.Labels)
}

// imports reports whether callers of a class have s on a port. Destinations of a
// VirtualService need not be exported to its own namespace.
func (x *Island) imports(class *Class, s *Service, port uint32) bool {
	seen := s.seenBy(class)
	if class.gateway {
		return seen // whatever VirtualServices lead to
	}
	if !seen && (s.Namespace != class.Namespace || !class.reads(s.revision())) {
		return false
	}
	for _, of := range x.listeners(class) {
		if of != nil && of.port != 0 && of.port != port {
			continue
		}
		if seen && of.has(s.Host, s.Namespace, false) {
			return true
		}
		b := &hostBuilder{Island: x, class: class, port: httpPort}
		for _, v := range b.selectSources(of) {
			if v.leadsCallers(class.Namespace, s.Host, port) {
				return true
			}
		}
	}
	return false
}
