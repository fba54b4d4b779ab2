package compiletest_test

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// look has all parts of a snapshot at hand.
type look struct {
	*model.Snapshot
}

func (s look) anyService(holds func(*model.Service) bool) bool {
	return slices.ContainsFunc(s.Services, func(v model.Service) bool { return holds(&v) })
}

func (s look) anyVS(holds func(*model.VirtualService) bool) bool {
	return slices.ContainsFunc(s.VirtualServices, func(v model.VirtualService) bool { return holds(&v) })
}

func (s look) anyRule(holds func(*model.DestinationRule) bool) bool {
	return slices.ContainsFunc(s.DestinationRules, func(r model.DestinationRule) bool { return holds(&r) })
}

func (s look) anySidecar(holds func(*model.Sidecar) bool) bool {
	return slices.ContainsFunc(s.Sidecars, func(c model.Sidecar) bool { return holds(&c) })
}

func (s look) anyEntry(holds func(*model.ServiceEntry) bool) bool {
	return slices.ContainsFunc(s.ServiceEntries, func(e model.ServiceEntry) bool { return holds(&e) })
}

func (s look) anyBackend(holds func(*model.Service, *model.Backend) bool) bool {
	return s.anyService(func(v *model.Service) bool {
		return slices.ContainsFunc(v.Backends, func(b model.Backend) bool { return holds(v, &b) })
	})
}

func (s look) anyHost(holds func(v *model.VirtualService, host string) bool) bool {
	return s.anyVS(func(v *model.VirtualService) bool {
		return slices.ContainsFunc(v.Spec.Hosts, func(h string) bool { return holds(v, h) })
	})
}

func (s look) anyRoute(holds func(*istioapi.HTTPRoute) bool) bool {
	return s.anyVS(func(v *model.VirtualService) bool { return slices.ContainsFunc(v.Spec.Http, holds) })
}

func (s look) anyMatch(holds func(*istioapi.HTTPMatchRequest) bool) bool {
	return s.anyRoute(func(r *istioapi.HTTPRoute) bool { return slices.ContainsFunc(r.Match, holds) })
}

// anyDestination looks at what routes lead to and mirror to.
func (s look) anyDestination(holds func(*istioapi.Destination) bool) bool {
	return s.anyRoute(func(r *istioapi.HTTPRoute) bool { return slices.ContainsFunc(destinationsOf(r), holds) })
}

func destinationsOf(r *istioapi.HTTPRoute) []*istioapi.Destination {
	out := mirrorsOf(r)
	for _, to := range r.Route {
		out = append(out, to.Destination)
	}
	return out
}

func mirrorsOf(r *istioapi.HTTPRoute) []*istioapi.Destination {
	var out []*istioapi.Destination
	if r.Mirror != nil {
		out = append(out, r.Mirror)
	}
	for _, m := range r.Mirrors {
		out = append(out, m.Destination)
	}
	return out
}

// resolved is a host as Istio understands it in a namespace: a name without a dot
// is that of a Service there.
func resolved(host, namespace string) string {
	if strings.Contains(host, ".") {
		return strings.ToLower(host)
	}
	return host + "." + namespace + ".svc.cluster.local"
}

// serviceOf returns the Service that a host stands for, nil if it is none's.
func (s look) serviceOf(host string) *model.Service {
	for i := range s.Services {
		if resolved(s.Services[i].Name, s.Services[i].Namespace) == host {
			return &s.Services[i]
		}
	}
	return nil
}

// isPartial reports whether a host is a Service's name without the cluster's domain.
func isPartial(host string) bool {
	labels := strings.Split(host, ".")
	return len(labels) == 2 || len(labels) == 3 && labels[2] == "svc"
}

func isPublic(host string) bool { return strings.HasSuffix(host, ".example.com") }

func isWildcard(host string) bool { return strings.HasPrefix(host, "*") }

// isPrivate reports whether exportTo leaves anybody out.
func isPrivate(exportTo []string) bool { return len(exportTo) > 0 && exportTo[0] != "*" }

// previews reports whether pods stand behind a Service that are labelled as a preview.
func previews(v *model.Service) bool {
	return slices.ContainsFunc(v.Backends, func(b model.Backend) bool { return b.Labels["overrides.mesh/preview"] == "true" })
}

// versions counts the versions behind a Service.
func versions(v *model.Service) int {
	seen := map[string]bool{}
	for _, b := range v.Backends {
		seen[b.Labels["version"]] = true
	}
	return len(seen)
}

func byHash(p *istioapi.TrafficPolicy) bool {
	return p.GetLoadBalancer().GetConsistentHash() != nil ||
		slices.ContainsFunc(p.GetPortLevelSettings(), func(s *istioapi.TrafficPolicy_PortTrafficPolicy) bool {
			return s.GetLoadBalancer().GetConsistentHash() != nil
		})
}
