package operator

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// scope says which namespaces are managed, and which are left: what is ours there
// goes, in the order in which it may, and readiness gates open.
//
//	asked for         label "true"  label "false"  no label, or another
//	----------------  ------------  -------------  ---------------------------------
//	(nothing)         managed       left           left if it was managed before, as
//	                                               far as this process knows
//	--all-namespaces  managed       left           managed
//	--namespaces      managed if named; no other is touched
//
// A namespace without a label may be another operator's, so that what is found
// there at the start stays.
type scope struct{ managed, left func(namespace string) bool }

// scope says what is to become of namespaces now. The caller has locked s.
func (s *store) scope() scope {
	none := func(string) bool { return false }
	if named := s.options.Namespaces; len(named) > 0 {
		return scope{managed: func(n string) bool { return slices.Contains(named, n) }, left: none}
	}
	labelled := map[string]string{}
	for name, x := range s.items {
		if n, ok := x.Object.(*corev1.Namespace); ok {
			labelled[name.Name] = n.Labels[EnabledLabel]
		}
	}
	out := scope{managed: func(n string) bool { return labelled[n] == "true" }}
	if s.options.AllNamespaces {
		out.managed = func(n string) bool { return labelled[n] != "false" }
	}
	ours := map[string]bool{}
	for name, x := range s.items {
		if x.seen != nil || x.gated {
			ours[name.Namespace] = true
		}
	}
	maps.DeleteFunc(s.managing, func(n string, _ bool) bool { return !ours[n] })
	for n := range ours {
		if out.managed(n) {
			s.managing[n] = true
		}
	}
	before := maps.Clone(s.managing)
	out.left = func(n string) bool { return !out.managed(n) && (labelled[n] == "false" || before[n]) }
	return out
}
