package operator

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// standing is what becomes of a namespace. In one that is left, the objects of Overrides'
// own go, in the order in which they may, and readiness gates open.
//
//	asked for         label "true"  label "false"  no label, or another
//	----------------  ------------  -------------  ---------------------------------
//	(nothing)         managed       left           left if it was managed before, as
//	                                               far as this process knows, or
//	                                               objects there name its instance
//	--all-namespaces  managed       left           managed
//	--namespaces      managed if named; no other is touched
//
// A namespace without a label may be another operator's, so what is found there at the
// start stays, unless it says that it is of this one.
type standing int

const (
	untouched standing = iota
	managed
	left
)

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

// namespaces knows what becomes of namespaces.
type namespaces struct {
	options *Options
	// there are the namespaces that exist, as far as they may be listed.
	there map[string]*corev1.Namespace
	// ours counts in each namespace the objects of Overrides' own and the pods with a shut
	// gate; instance counts those of the objects that name this installation.
	ours, instance map[string]int
	// managing are the namespaces that have been managed, and in which there may still be
	// objects of Overrides' own.
	managing map[string]bool
	// standings are what was found last; stale are the namespaces for which it may be
	// different now.
	standings map[string]standing
	stale     map[string]bool
}

func newNamespaces(options *Options) namespaces {
	return namespaces{
		options: options, there: map[string]*corev1.Namespace{}, ours: map[string]int{}, instance: map[string]int{},
		managing: map[string]bool{}, standings: map[string]standing{}, stale: map[string]bool{},
	}
}

// count notes that an object came, or went if n is negative.
func (ns *namespaces) count(name diag.Object, x *item, n int) {
	if x == nil {
		return
	}
	if object, is := x.Object.(*corev1.Namespace); is {
		delete(ns.there, name.Name)
		if n > 0 {
			ns.there[name.Name] = object
		}
		ns.stale[name.Name] = true
	}
	if x.seen == nil && !x.gated {
		return
	}
	ns.ours[name.Namespace] += n
	if x.seen != nil && x.seen.Instance != "" && x.seen.Instance == ns.options.Instance {
		ns.instance[name.Namespace] += n
	}
	ns.stale[name.Namespace] = true
}

// label is the [EnabledLabel] of a namespace; "" for none.
func (ns *namespaces) label(namespace string) string {
	if n := ns.there[namespace]; n != nil {
		return n.Labels[EnabledLabel]
	}
	return ""
}

// review finds out anew what becomes of namespaces, where that may have changed, and
// returns those for which it has.
func (ns *namespaces) review() map[string]bool {
	out := map[string]bool{}
	for name := range ns.stale {
		before, known := ns.standings[name]
		ns.standings[name] = ns.judge(name)
		if known && ns.standings[name] != before {
			out[name] = true
		}
	}
	clear(ns.stale)
	return out
}

// standing is what becomes of a namespace.
func (ns *namespaces) standing(name string) standing {
	found, known := ns.standings[name]
	if !known || ns.stale[name] {
		found = ns.judge(name)
	}
	return found
}

func (ns *namespaces) judge(name string) standing {
	label := ns.label(name)
	manages := ns.options.manages(name, label)
	switch {
	case ns.ours[name] == 0:
		delete(ns.ours, name)
		delete(ns.managing, name)
	case manages || ns.instance[name] > 0:
		ns.managing[name] = true
	}
	switch {
	case manages:
		return managed
	case len(ns.options.Namespaces) == 0 && (label == "false" || ns.managing[name]):
		return left
	}
	return untouched
}

// isEnding reports whether a namespace is being deleted: the API server takes nothing new
// there.
func (ns *namespaces) isEnding(name string) bool {
	n := ns.there[name]
	return n != nil && n.DeletionTimestamp != nil
}

// missing lists the namespaces that are named and not there, as far as namespaces may be
// listed: there is always one.
func (ns *namespaces) missing() []string {
	if len(ns.there) == 0 {
		return nil
	}
	var out []string
	for _, n := range ns.options.Namespaces {
		if ns.there[n] == nil {
			out = append(out, n)
		}
	}
	return out
}

// tellMissing logs which of the namespaces that are named are not there, when that
// changes.
func (r *reconciler) tellMissing() {
	missing := r.store.missingNamespaces()
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

func (s *store) missingNamespaces() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing()
}
