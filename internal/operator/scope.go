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
type namespaceMode int

const (
	untouched namespaceMode = iota
	managed
	cleaningUp
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
	existing map[string]*corev1.Namespace
	// ours counts in each namespace the objects of Overrides' own and the pods with a shut
	// gate; instance counts those of the objects that name this installation.
	objectCount, instanceCount map[string]int
	// managing are the namespaces that have been managed, and in which there may still be
	// objects of Overrides' own.
	wasManaged map[string]bool
	// standings are what was found last; stale are the namespaces for which it may be
	// different now.
	modes map[string]namespaceMode
	dirty map[string]bool
}

func newNamespaces(options *Options) namespaces {
	return namespaces{
		options: options, existing: map[string]*corev1.Namespace{}, objectCount: map[string]int{}, instanceCount: map[string]int{},
		wasManaged: map[string]bool{}, modes: map[string]namespaceMode{}, dirty: map[string]bool{},
	}
}

// count notes that an object came, or went if n is negative.
func (ns *namespaces) count(name diag.Object, x *item, n int) {
	if x == nil {
		return
	}
	if object, is := x.Object.(*corev1.Namespace); is {
		delete(ns.existing, name.Name)
		if n > 0 {
			ns.existing[name.Name] = object
		}
		ns.dirty[name.Name] = true
	}
	if x.seen == nil && !x.gated {
		return
	}
	ns.objectCount[name.Namespace] += n
	if x.seen != nil && x.seen.Instance != "" && x.seen.Instance == ns.options.Instance {
		ns.instanceCount[name.Namespace] += n
	}
	ns.dirty[name.Namespace] = true
}

// label is the [EnabledLabel] of a namespace; "" for none.
func (ns *namespaces) label(namespace string) string {
	if n := ns.existing[namespace]; n != nil {
		return n.Labels[EnabledLabel]
	}
	return ""
}

// review finds out anew what becomes of namespaces, where that may have changed, and
// returns those for which it has.
func (ns *namespaces) recompute() map[string]bool {
	out := map[string]bool{}
	for name := range ns.dirty {
		before, known := ns.modes[name]
		ns.modes[name] = ns.decide(name)
		if known && ns.modes[name] != before {
			out[name] = true
		}
	}
	clear(ns.dirty)
	return out
}

// standing is what becomes of a namespace.
func (ns *namespaces) mode(name string) namespaceMode {
	found, known := ns.modes[name]
	if !known || ns.dirty[name] {
		found = ns.decide(name)
	}
	return found
}

func (ns *namespaces) decide(name string) namespaceMode {
	label := ns.label(name)
	manages := ns.options.manages(name, label)
	switch {
	case ns.objectCount[name] == 0:
		delete(ns.objectCount, name)
		delete(ns.wasManaged, name)
	case manages || ns.instanceCount[name] > 0:
		ns.wasManaged[name] = true
	}
	switch {
	case manages:
		return managed
	case len(ns.options.Namespaces) == 0 && (label == "false" || ns.wasManaged[name]):
		return cleaningUp
	}
	return untouched
}

// isEnding reports whether a namespace is being deleted: the API server takes nothing new
// there.
func (ns *namespaces) isTerminating(name string) bool {
	n := ns.existing[name]
	return n != nil && n.DeletionTimestamp != nil
}

// missing lists the namespaces that are named and not there, as far as namespaces may be
// listed: there is always one.
func (ns *namespaces) missing() []string {
	if len(ns.existing) == 0 {
		return nil
	}
	var out []string
	for _, n := range ns.options.Namespaces {
		if ns.existing[n] == nil {
			out = append(out, n)
		}
	}
	return out
}

// tellMissing logs which of the namespaces that are named are not there, when that
// changes.
func (r *reconciler) logMissingNamespaces() {
	missing := r.store.missingNamespaces()
	for _, n := range missing {
		if !slices.Contains(r.missingNamespaces, n) {
			r.log.Warn("a namespace that is to be managed is not there", "namespace", n)
		}
	}
	for _, n := range r.missingNamespaces {
		if !slices.Contains(missing, n) {
			r.log.Info("a namespace that was not there is managed now", "namespace", n)
		}
	}
	r.missingNamespaces = missing
}

func (s *store) missingNamespaces() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing()
}
