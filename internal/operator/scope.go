package operator

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// scope says which namespaces are managed, and which are left: what is ours there
// goes, in the order in which it may, and readiness gates open.
//
//	asked for         label "true"  label "false"  no label, or another
//	----------------  ------------  -------------  ---------------------------------
//	(nothing)         managed       left           left if it was managed before, as
//	                                               far as this process knows, or
//	                                               objects there name its instance
//	--all-namespaces  managed       left           managed
//	--namespaces      managed if named; no other is touched
//
// A namespace without a label may be another operator's, so that what is found
// there at the start stays, unless it says that it is of this one.
type scope struct{ managed, left func(namespace string) bool }

// manages reports whether a namespace is managed whose [EnabledLabel] has a value;
// "" for none.
func (o *Options) manages(namespace, label string) bool {
	switch {
	case len(o.Namespaces) > 0:
		return slices.Contains(o.Namespaces, namespace)
	case o.AllNamespaces:
		return label != "false"
	}
	return label == "true"
}

// label is the [EnabledLabel] of a namespace; "" for none. The caller has locked s.
func (s *store) label(namespace string) string {
	if x := s.items[diag.Object{Kind: "Namespace", Name: namespace}]; x != nil {
		if n, ok := x.Object.(*corev1.Namespace); ok {
			return n.Labels[EnabledLabel]
		}
	}
	return ""
}

// scope says what is to become of namespaces now. The caller has locked s.
func (s *store) scope() scope {
	if len(s.options.Namespaces) > 0 {
		return scope{
			managed: func(n string) bool { return s.options.manages(n, "") },
			left:    func(string) bool { return false },
		}
	}
	labels, ours := map[string]string{}, map[string]bool{}
	for name, x := range s.items {
		if name.Kind == "Namespace" {
			labels[name.Name] = s.label(name.Name)
		}
		if x.seen != nil || x.gated {
			ours[name.Namespace] = true
		}
		if x.seen != nil && x.seen.Instance != "" && x.seen.Instance == s.options.Instance {
			s.managing[name.Namespace] = true // before this process has begun
		}
	}
	managed := func(n string) bool { return s.options.manages(n, labels[n]) }
	maps.DeleteFunc(s.managing, func(n string, _ bool) bool { return !ours[n] })
	for n := range ours {
		if managed(n) {
			s.managing[n] = true
		}
	}
	before := maps.Clone(s.managing)
	return scope{
		managed: managed,
		left:    func(n string) bool { return !managed(n) && (labels[n] == "false" || before[n]) },
	}
}

// missing lists the namespaces that are named and not there, as far as namespaces may be
// listed: there is always one.
func (o *Options) missing(there []*corev1.Namespace) []string {
	if len(there) == 0 {
		return nil
	}
	var out []string
	for _, n := range o.Namespaces {
		if !slices.ContainsFunc(there, func(x *corev1.Namespace) bool { return x.Name == n }) {
			out = append(out, n)
		}
	}
	return out
}

// tellMissing logs which of the namespaces that are named are not there, when that
// changes.
func (r *reconciler) tellMissing(there []*corev1.Namespace) {
	missing := r.options.missing(there)
	for _, n := range missing {
		if !slices.Contains(r.missing, n) {
			r.log.Warn("a namespace that is to be managed is not there", "namespace", n)
		}
	}
	for _, n := range r.missing {
		if !slices.Contains(missing, n) {
			r.log.Info("a namespace that was not there is managed now", "namespace", n)
		}
	}
	r.missing = missing
}
