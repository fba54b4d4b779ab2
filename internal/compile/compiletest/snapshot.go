package compiletest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// rootNamespace is that of Istio; front is where callers are and no Services,
// and routing where neither is.
const (
	rootNamespace = "istio-system"
	front         = "front"
	routing       = "routing"
)

// Snapshot generates clusters with the objects of users in them. Each of the
// shapes asked for, or of All if none is, is in some of the clusters.
func Snapshot(shapes ...Shapes) *rapid.Generator[*model.Snapshot] {
	allowed := union(shapes)
	return rapid.Custom(func(t *rapid.T) *model.Snapshot {
		if allowed == Plain {
			return plain(t)
		}
		return newDraw(t, allowed).snapshot(t)
	})
}

// Front generates clusters as [Snapshot] does, in which most VirtualServices are on gateways
// with pods.
func Front(shapes ...Shapes) *rapid.Generator[*model.Snapshot] {
	allowed := union(shapes)
	return rapid.Custom(func(t *rapid.T) *model.Snapshot {
		d := newDraw(t, allowed)
		d.on |= Gateways
		d.front = true
		return d.snapshot(t)
	})
}

// Either generates clusters of [Snapshot] and of [Front].
func Either(shapes ...Shapes) *rapid.Generator[*model.Snapshot] {
	return rapid.OneOf(Snapshot(shapes...), Front(shapes...))
}

func (d *draw) snapshot(t *rapid.T) *model.Snapshot {
	s := plainServices(t)
	d.mesh(s)
	d.services(s)
	s.VirtualServices = d.virtualServices()
	s.DestinationRules = d.destinationRules()
	s.Sidecars = d.sidecars()
	s.ServiceEntries = d.serviceEntries()
	d.foreign(s)
	d.steer(s)
	d.gatewayProxies(s)
	d.previews(s)
	return sorted(s)
}

// foreign has what users made be known by its names.
func (d *draw) foreign(s *model.Snapshot) {
	if !d.has(Names) {
		return
	}
	for i := range s.VirtualServices {
		s.Foreign = append(s.Foreign, s.VirtualServices[i].Object())
	}
	for i := range s.DestinationRules {
		s.Foreign = append(s.Foreign, s.DestinationRules[i].Object())
	}
	slices.SortFunc(s.Foreign, diag.Object.Compare)
}

// sorted puts a snapshot into the order in which it would be read.
func sorted(s *model.Snapshot) *model.Snapshot {
	slices.Sort(s.Namespaces)
	slices.SortStableFunc(s.Services, func(a, b model.Service) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortStableFunc(s.VirtualServices, func(a, b model.VirtualService) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortStableFunc(s.DestinationRules, func(a, b model.DestinationRule) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortStableFunc(s.Gateways, func(a, b model.Gateway) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortStableFunc(s.Callers, func(a, b model.Caller) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	return s
}

func byName(namespaceA, nameA, namespaceB, nameB string) int {
	return strings.Compare(namespaceA+"/"+nameA, namespaceB+"/"+nameB)
}

// fqdn is the host of a Service.
func fqdn(name, namespace string) string {
	return fmt.Sprintf("%s.%s.svc.cluster.local", name, namespace)
}
