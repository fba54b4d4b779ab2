package operator

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// namespaceMode is how the operator treats a namespace. In a namespace that it cleans up, it
// removes the objects of Overrides in a safe order and opens readiness gates.
//
//	flag              label "true"  label "false"  no label, or another
//	----------------  ------------  -------------  ---------------------------------
//	(none)            managed       cleaningUp     cleaningUp if it was managed before,
//	                                               as far as this process knows, or if
//	                                               an object names this installation
//	--all-namespaces  managed       cleaningUp     managed
//	--namespaces      managed if named; all others are untouched
//
// Another operator may manage a namespace without a label. So objects that exist at the
// start are kept, unless they name this installation.
type namespaceMode int

const (
	untouched namespaceMode = iota
	managed
	cleaningUp
)

// manages reports whether a namespace is managed, given the value of its [EnabledLabel]; ""
// for none.
func (o *Options) manages(namespace, label string) bool {
	switch {
	case len(o.Namespaces) > 0:
		return slices.Contains(o.Namespaces, namespace)
	case o.AllNamespaces:
		return label != "false"
	}
	return label == "true"
}

// managedNamespaces selects the namespaces that manages accepts.
func (o *Options) managedNamespaces() model.NamespaceSelector {
	r := model.Requirement{Key: EnabledLabel, Operator: "In", Values: []string{"true"}}
	switch {
	case len(o.Namespaces) > 0:
		r = model.Requirement{Key: model.NamespaceNameLabel, Operator: "In", Values: o.Namespaces}
	case o.AllNamespaces:
		r = model.Requirement{Key: EnabledLabel, Operator: "NotIn", Values: []string{"false"}}
	}
	return model.NamespaceSelector{Selector: []model.Requirement{r}}
}

// namespaces determines the modes of namespaces.
type namespaces struct {
	options *Options
	// existing are the namespaces that exist, as far as they may be listed.
	existing map[string]*corev1.Namespace
	// objectCount counts the objects of Overrides and the pods with a shut gate in each
	// namespace; instanceCount counts the objects that name this installation.
	objectCount, instanceCount map[string]int
	// wasManaged are the namespaces that have been managed and may still contain objects of
	// Overrides.
	wasManaged map[string]bool
	// modes are the modes that were determined last; dirty are the namespaces whose mode may
	// have changed since.
	modes map[string]namespaceMode
	dirty map[string]bool
}

func newNamespaces(options *Options) namespaces {
	return namespaces{
		options: options, existing: map[string]*corev1.Namespace{}, objectCount: map[string]int{}, instanceCount: map[string]int{},
		wasManaged: map[string]bool{}, modes: map[string]namespaceMode{}, dirty: map[string]bool{},
	}
}

// count counts an object that came, or one that went if n is negative.
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

// label returns the value of the [EnabledLabel] of a namespace; "" for none.
func (ns *namespaces) label(namespace string) string {
	if n := ns.existing[namespace]; n != nil {
		return n.Labels[EnabledLabel]
	}
	return ""
}

// recompute determines the modes that may have changed, and returns the namespaces whose
// mode has.
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

// mode returns the mode of a namespace.
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

// isTerminating reports whether a namespace is being deleted. The API server accepts no new
// objects in it.
func (ns *namespaces) isTerminating(name string) bool {
	n := ns.existing[name]
	return n != nil && n.DeletionTimestamp != nil
}

// missing lists the namespaces that are named and don't exist. If no namespace is known, the
// operator may not list them, because every cluster has some.
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

// logMissingNamespaces logs changes of the namespaces that are named and don't exist.
func (r *reconciler) logMissingNamespaces() {
	missing := r.store.missingNamespaces()
	for _, n := range missing {
		if !slices.Contains(r.missingNamespaces, n) {
			r.log.Warn("a managed namespace does not exist", "namespace", n)
		}
	}
	for _, n := range r.missingNamespaces {
		if !slices.Contains(missing, n) {
			r.log.Info("a missing namespace exists now and is managed", "namespace", n)
		}
	}
	r.missingNamespaces = missing
}

func (s *store) missingNamespaces() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing()
}
