package compile

import (
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reportSelectsNothing reports a selector that selects nothing. The diagnostic is a warning
// if a workload nearly has these labels; else the workloads may just not have been read, or
// may not exist yet.
func reportSelectsNothing(s *model.Service, r *reporter) {
	switch {
	case !selectsNothing(s):
		return
	case len(s.Selector) == 0:
		d := diag.New(diag.SelectsNothing, s.Object(), "it is annotated as a version of Service %s, but has no selector", s.BaseText()).
			WithFix("set its selector to labels of the pods of that version")
		r.add(d.At(s.Origin))
		return
	}
	message := "its selector " + labelText(s.Selector) + " matches no workload that was read"
	if s.Near == nil {
		d := diag.New(diag.SelectsNothing, s.Object(), "%s", message).
			WithFix("give the manifests of its workloads together with it, or correct the selector")
		d.Severity = diag.Info
		r.add(d.At(s.Origin))
		return
	}
	d := diag.New(diag.SelectsNothing, s.Object(), "%s: %s", message, nearText(s.Near))
	if s.Near.Namespace != s.Namespace {
		d = d.WithFix("put both into the same namespace: a Service selects pods of its own namespace only")
	}
	r.add(d.At(s.Origin))
}

// selectsNothing reports whether s has a selector that selects nothing, or none where one is
// needed.
func selectsNothing(s *model.Service) bool {
	return len(s.Backends) == 0 && len(s.Unread) == 0 && (len(s.Selector) > 0 || s.VersionOf != "") && s.ExternalName == "" && !s.Steered.Is()
}

// nearText says which workload the selector may mean.
func nearText(n *model.Near) string {
	switch {
	case n.Has != "":
		return "did you mean " + n.Has + "? " + n.Workload.String() + " has it"
	case n.Lacks != "":
		return n.Workload.String() + " has all of these labels but " + n.Lacks
	}
	return n.Workload.String() + " of namespace " + n.Namespace + " has these labels"
}

// labelText writes labels as selectors of kubectl are written.
func labelText(labels map[string]string) string {
	return strings.ReplaceAll(strings.TrimSuffix(model.LabelString(labels), ","), ",", ", ")
}
