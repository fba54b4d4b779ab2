package discover

import (
	"fmt"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// unselected reports previews that no Service selects.
func (a *adviser) unselected(near map[string]*model.Near) []diag.Diagnostic {
	var out []diag.Diagnostic
	for i := range a.Pods {
		p := &a.Pods[i]
		if !p.IsPreview() || a.isSelected(p) || a.isNamed(p, near) {
			continue
		}
		object := p.object()
		d := diag.New(diag.PreviewUnselected, object, "no Service that was read selects its pods")
		switch s := a.nearService(p); {
		case s != nil && near[s.Name] != nil:
			continue // the selector of s is reported
		case s != nil && s.VersionOf == "" && a.isNamedLonger(p, s):
			d = diag.New(diag.PreviewUnselected, object, "no Service selects its pods").WithFix("%s", a.ownService(p, s)).For(s.object())
		case s != nil:
			missing := missingLabel(p, s)
			d = diag.New(diag.PreviewUnselected, object, "no Service selects its pods: did you mean the label %s: %s? Service %s selects by it", missing, s.Labels[missing], s.Name).For(s.object())
		}
		out = append(out, d)
	}
	return out
}

// IsPreview reports whether p are pods of a preview, which a Service should select.
func (p *Pods) IsPreview() bool {
	return p.Labels.All[previewKey] == "true" && p.Workload.Kind != "Job"
}

func (p *Pods) object() diag.Object {
	return diag.Object{Kind: p.Workload.Kind, Namespace: p.Namespace, Name: p.Workload.Name}
}

// isNamed reports whether the diagnostic of a Service already names the workload of p, as
// one that it nearly selects, or would select if no controller changed its selector.
func (a *adviser) isNamed(p *Pods, near map[string]*model.Near) bool {
	return slices.ContainsFunc(a.Services, func(s Selector) bool {
		n := near[s.Name]
		return slices.Contains(s.DropOuts, p.Workload) || n != nil && n.Namespace == p.Namespace && n.Workload == p.Workload
	}) || slices.ContainsFunc(a.Wanting, func(s Selector) bool {
		return model.HasLabels(p.Labels.All, s.Labels)
	})
}

// nearService returns the Service whose selector nearly matches the labels of p.
func (a *adviser) nearService(p *Pods) *Selector {
	var best *Selector
	var at rank
	for i := range a.Services {
		s := &a.Services[i]
		if len(s.Labels) == 0 || s.Steered {
			continue
		}
		if n, ok := a.near(p, s); ok && (best == nil || n.rank < at || n.rank == at && s.Name < best.Name) {
			best, at = s, n.rank
		}
	}
	return best
}

// isNamedLonger reports whether p has the label that s selects by with a part more, as in
// app: reviews-pr-7 for app: reviews. Such pods should not be behind s: the label tells them
// from those that get ordinary requests.
func (a *adviser) isNamedLonger(p *Pods, s *Selector) bool {
	n, ok := a.near(p, s)
	return ok && n.rank == longer
}

// ownService says how to put p behind a Service of their own, as a version of s.
func (a *adviser) ownService(p *Pods, s *Selector) string {
	missing := missingLabel(p, s)
	at := slices.IndexFunc(a.Services, func(o Selector) bool { return o.VersionOf == s.Name && o.Name == p.Workload.Name })
	if at >= 0 {
		return fmt.Sprintf("set the selector of Service %s to %s: %s", a.Services[at].Name, missing, p.Labels.All[missing])
	}
	return fmt.Sprintf("give them a Service of their own that selects %s: %s, annotated overrides.mesh/version-of: %s and overrides.mesh/version; remove the label overrides.mesh/preview if nothing calls the pods",
		missing, p.Labels.All[missing], s.Name)
}

// missingLabel is the first key of the selector of s that does not match p.
func missingLabel(p *Pods, s *Selector) string {
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		if p.Labels.All[key] != s.Labels[key] {
			return key
		}
	}
	return ""
}
