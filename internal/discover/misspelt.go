package discover

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	domain = "overrides.mesh"
	// preview is the name of the label of pods that are never released.
	preview = "preview"
	// enabled is the name of the label of namespaces that the operator works in.
	enabled = "enabled"
)

// sayUnknown reports an annotation of a Service that there is none of.
func (r *reader) sayUnknown(s *model.Service, name string) {
	full := AnnotationPrefix + name
	switch near := meant(name, slices.Sorted(maps.Keys(annotations))); {
	case name == preview:
		r.sayName(s.Object(), full+" is a label of pods", "label the template of the pods, not the Service")
	case name == enabled:
		r.sayName(s.Object(), full+" is a label of namespaces", "label the namespace, not the Service")
	case near != "":
		r.sayName(s.Object(), "there is no annotation "+full+": did you mean "+AnnotationPrefix+near+"?", "correct the name")
		r.covers(near)
	default:
		r.sayName(s.Object(), "there is no annotation "+full, "remove it; there are "+strings.Join(slices.Sorted(maps.Keys(annotations)), ", "))
	}
}

// sayDomain warns of a key that is one of names but for its domain.
func (r *reader) sayDomain(object diag.Object, key string, names ...string) {
	other, name, _ := strings.Cut(key, "/")
	if !isNearDomain(other) {
		return
	}
	if !slices.Contains(names, name) {
		if name = meant(name, names); name == "" {
			return
		}
	}
	defer r.covers(name)
	d := diag.New(diag.InvalidAnnotation, object, "%s has no effect: did you mean %s%s?", key, AnnotationPrefix, name)
	d.Severity = diag.Warning
	r.diags = append(r.diags, d.WithFix("correct the name").At(r.Origins[object]))
}

// sayName reports a name that has no effect where it is.
func (r *reader) sayName(object diag.Object, message, fix string) {
	r.diags = append(r.diags, diag.New(diag.InvalidAnnotation, object, "%s", message).WithFix("%s", fix).At(r.Origins[object]))
}

// isNearDomain reports whether s is most likely a slip of the domain of Overrides, of
// which the first letter is right. It is asked of every label of every workload.
func isNearDomain(s string) bool {
	if !strings.HasPrefix(s, domain[:1]) {
		return false
	}
	first, _, _ := strings.Cut(s, ".")
	return s != domain && (first == "overrides" || isSlip(first, "overrides") || isSlip(s, domain))
}

// meant returns the one of names that name is most likely a slip of, "" for none.
func meant(name string, names []string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.Map(func(r rune) rune { return dropped(r, "-_.") }, s))
	}
	best := ""
	for _, n := range names {
		switch {
		case plain(n) == plain(name):
			return n
		case isSlip(name, n) && (best == "" || distance(name, n) < distance(name, best)):
			best = n
		}
	}
	return best
}
