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
	// enabled is the name of the label of namespaces that the operator manages.
	enabled = "enabled"
)

// reportUnknown reports an annotation of Overrides that does not exist.
func (r *reader) reportUnknown(s *model.Service, name string) {
	full := AnnotationPrefix + name
	switch near := meant(name, slices.Sorted(maps.Keys(annotations))); {
	case name == preview:
		r.reportName(s.Object(), full+" is a label of pods", "label the template of the pods, not the Service")
	case name == enabled:
		r.reportName(s.Object(), full+" is a label of namespaces", "label the namespace, not the Service")
	case near != "":
		r.reportName(s.Object(), "there is no annotation "+full+": did you mean "+AnnotationPrefix+near+"?", "correct the name")
		r.covers(near)
	default:
		r.reportName(s.Object(), "there is no annotation "+full, "remove it; there are "+strings.Join(slices.Sorted(maps.Keys(annotations)), ", "))
	}
}

// reportDomain reports a key that has one of names and nearly the domain of Overrides.
func (r *reader) reportDomain(object diag.Object, key string, names ...string) {
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

// reportName reports a name that has no effect in its place.
func (r *reader) reportName(object diag.Object, message, fix string) {
	r.diags = append(r.diags, diag.New(diag.InvalidAnnotation, object, "%s", message).WithFix("%s", fix).At(r.Origins[object]))
}

// isNearDomain reports whether s is most likely a slip of the domain of Overrides, with the
// right first letter. It is called for every label of every workload.
func isNearDomain(s string) bool {
	if !strings.HasPrefix(s, domain[:1]) {
		return false
	}
	first, _, _ := strings.Cut(s, ".")
	return s != domain && (first == "overrides" || isSlip(first, "overrides") || isSlip(s, domain))
}

// meant returns the one of names of which name is most likely a slip, "" for none.
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
