package mesh

import (
	"cmp"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// imports are the imports of an egress listener of a Sidecar (pilot/pkg/model:
// convertIstioListenerToWrapper).
type imports struct {
	// port is the port of the listener, zero for the one for all others.
	port uint32
	// hosts are the hosts of each namespace, "*" for all of them; excluded are those left
	// out.
	hosts, excluded map[string][]string
}

// indexSidecars indexes the Sidecars, in istiod's order: those with a selector first, by
// age (pilot/pkg/model: initSidecarScopes).
func (m *Mesh) indexSidecars() {
	for i := range m.snapshot.Sidecars {
		s := &m.snapshot.Sidecars[i]
		m.sidecars[s.Namespace] = append(m.sidecars[s.Namespace], s)
	}
	for namespace, list := range m.sidecars {
		m.sidecarsReversed[namespace] = slices.Clone(list)
		sortSidecars(list, Order{})
		sortSidecars(m.sidecarsReversed[namespace], Order{Reverse: true})
	}
}

func sortSidecars(list []*model.Sidecar, order Order) {
	slices.SortStableFunc(list, func(a, b *model.Sidecar) int {
		x, y := a.Spec.GetWorkloadSelector() != nil, b.Spec.GetWorkloadSelector() != nil
		if x != y {
			if x {
				return -1
			}
			return 1
		}
		return order.compare(age{a.Created, a.Object(), false}, age{b.Created, b.Object(), false})
	})
}

// sidecarOf returns the Sidecar that is in force for callers of a class, nil if there is
// none: the first of their namespace that selects them, or else the root namespace's one
// without a selector (pilot/pkg/model: PushContext.getSidecarScope).
func (x *Island) sidecarOf(class *Class) *model.Sidecar {
	if class.gateway {
		return nil // they import everything (pilot/pkg/model: DefaultSidecarScopeForGateway)
	}
	of := x.mesh.sidecars
	if x.order.Reverse {
		of = x.mesh.sidecarsReversed
	}
	for _, s := range of[class.Namespace] {
		selector := s.Spec.GetWorkloadSelector()
		if class.reads(s.Revision) && (selector == nil || model.HasLabels(class.Labels, selector.GetLabels())) {
			return s
		}
	}
	for _, s := range of[x.mesh.snapshot.Options.RootNamespace] {
		if class.reads(s.Revision) && s.Spec.GetWorkloadSelector() == nil {
			return s
		}
	}
	return nil
}

// SidecarHiding returns a Sidecar that hides a host of a Service from callers in a namespace; nil
// if all of them know it. The Service is in the namespace of.
func (m *Mesh) SidecarHiding(namespace, host, of string) *model.Sidecar {
	forSome := func(s *model.Sidecar) bool { return s.Spec.GetWorkloadSelector() != nil }
	list := m.sidecars[namespace]
	if !slices.ContainsFunc(list, func(s *model.Sidecar) bool { return !forSome(s) }) {
		list = slices.Concat(list, slices.DeleteFunc(slices.Clone(m.sidecars[m.snapshot.Options.RootNamespace]), forSome))
	}
	for _, s := range list {
		listeners := s.Spec.GetEgress()
		if len(listeners) > 0 && !slices.ContainsFunc(listeners, func(l *istioapi.IstioEgressListener) bool {
			return readImports(l.GetHosts(), namespace, 0).has(host, of, false)
		}) {
			return s
		}
	}
	return nil
}

// importsOf returns the imports of callers of a class on a port; nil for everything
// (pilot/pkg/model: SidecarScope.GetEgressListenerForRDS). It returns false if there is
// no listener for the port.
func (x *Island) importsOf(class *Class, port uint32) (*imports, bool) {
	s := x.sidecarOf(class)
	if s == nil || len(s.Spec.GetEgress()) == 0 {
		return nil, true
	}
	for _, e := range s.Spec.GetEgress() {
		number := e.GetPort().GetNumber()
		if number != 0 && number != port {
			continue
		}
		return readImports(e.GetHosts(), class.Namespace, number), true
	}
	return nil, false
}

// listeners returns the imports of all listeners of callers of a class, nil for
// everything.
func (x *Island) listeners(class *Class) []*imports {
	s := x.sidecarOf(class)
	if s == nil || len(s.Spec.GetEgress()) == 0 {
		return everywhere
	}
	var out []*imports
	for _, e := range s.Spec.GetEgress() {
		out = append(out, readImports(e.GetHosts(), class.Namespace, e.GetPort().GetNumber()))
	}
	return out
}

// everywhere is one listener that imports everything.
var everywhere = []*imports{nil}

// readImports reads hosts of a listener. "~" excludes hosts from Istio 1.31 on; before,
// such a host imports and excludes nothing.
func readImports(hosts []string, namespace string, port uint32) *imports {
	out := &imports{port: port, hosts: map[string][]string{}, excluded: map[string][]string{}}
	for _, h := range hosts {
		of, name, found := strings.Cut(h, "/")
		if !found || strings.Contains(name, "/") {
			continue
		}
		to := out.hosts
		if rest, excluded := strings.CutPrefix(of, nobody); excluded {
			of, to = cmp.Or(rest, public), out.excluded
		}
		if of == private {
			of = namespace
		}
		to[of] = append(to[of], name)
	}
	return out
}

// has reports whether a host of an object in namespace is imported (pilot/pkg/model:
// hostClassification.VSMatches, Matches). A VirtualService is also imported if it has a
// wildcard that covers an imported host.
func (i *imports) has(host, namespace string, virtualService bool) bool {
	if i == nil {
		return true
	}
	if subsetOfAny(host, i.excluded[namespace]) || subsetOfAny(host, i.excluded[public]) {
		return false
	}
	for _, of := range []string{namespace, public} {
		for _, imported := range i.hosts[of] {
			if subsetOf(host, imported) || (virtualService && Overlap(host, imported)) {
				return true
			}
		}
	}
	return false
}

// hasAlias reports whether an alias of s is known where s is imported, according to the
// hosts by which s is imported (pilot/pkg/model: matchingAliasService).
func (i *imports) hasAlias(s *Service, alias string) bool {
	if i == nil {
		return true
	}
	of := i.hosts[s.Namespace]
	if !subsetOfAny(s.Host, of) {
		of = i.hosts[public]
	}
	return subsetOfAny(alias, of)
}

func subsetOfAny(host string, list []string) bool {
	return slices.ContainsFunc(list, func(of string) bool { return subsetOf(host, of) })
}

// subsetOf reports whether of is host, or a wildcard that covers it (pkg/config/host:
// Name.SubsetOf).
func subsetOf(host, of string) bool {
	if !isWildcard(of) {
		return host == of
	}
	return covers(of, host)
}

// Overlap reports whether two hosts, which may be wildcards, have names in common
// (pkg/config/host: Name.Matches).
func Overlap(a, b string) bool { return subsetOf(a, b) || subsetOf(b, a) }
