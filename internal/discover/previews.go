package discover

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// sayUnselected warns of previews that no Service selects.
func (r *reader) sayUnselected(groups []*group) {
	var unselected []*group
	for _, g := range groups {
		if g.labels.All[previewKey] == "true" && g.made.workload.Kind != "Job" && !r.isSelected(g) && !r.isNamed(g) {
			unselected = append(unselected, g)
		}
	}
	if len(unselected)*len(r.snapshot.Services) > maxComparisons {
		return
	}
	for _, g := range unselected {
		object := diag.Object{Kind: g.made.workload.Kind, Namespace: g.made.namespace, Name: g.made.workload.Name}
		d := diag.New(diag.PreviewUnselected, object, "no Service that was read selects its pods")
		if s := r.nearService(g); s != nil {
			missing := missingLabel(g, s)
			d = diag.New(diag.PreviewUnselected, object, "no Service selects its pods: did you mean the label %s: %s? Service %s selects by it", missing, s.Selector[missing], s.Name).For(s.Object())
		}
		r.diags = append(r.diags, d.At(r.Origins[object]))
	}
}

// isNamed reports whether a Service names g already as what it selects nearly, or would
// select but for a controller.
func (r *reader) isNamed(g *group) bool {
	return slices.ContainsFunc(r.snapshot.Services, func(s model.Service) bool {
		return s.Namespace == g.made.namespace && slices.Contains(s.DropOuts, g.made.workload) ||
			s.Near != nil && s.Near.Namespace == g.made.namespace && s.Near.Workload == g.made.workload
	})
}

// nearService returns the Service whose selector the labels of g nearly match.
func (r *reader) nearService(g *group) *model.Service {
	var best *model.Service
	var at rank
	for i := range r.snapshot.Services {
		s := &r.snapshot.Services[i]
		if len(s.Selector) == 0 || s.Steered.Is() {
			continue
		}
		if n, ok := r.near(g, s); ok && (best == nil || n.rank < at || n.rank == at && s.Name < best.Name) {
			best, at = s, n.rank
		}
	}
	return best
}

// missingLabel is the first key by which s selects and does not select g.
func missingLabel(g *group, s *model.Service) string {
	for _, key := range slices.Sorted(maps.Keys(s.Selector)) {
		if g.labels.All[key] != s.Selector[key] {
			return key
		}
	}
	return ""
}
