package discover

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
)

// dropOuts lists, for each Service whose selector a controller changes, the workloads that
// the original selector selects and that are behind no other Service:
//
//	controller      the Service           selector            changed selector
//	--------------  --------------------  ------------------  ------------------
//	Flagger         the apex              app: cart           app: cart-primary
//	Argo Rollouts   active, or stable     app: cart           app: cart, HASH
func (r *reader) dropOuts(byLabel groupIndex) {
	for i := range r.snapshot.Services {
		s := &r.snapshot.Services[i]
		selector, own := r.unsteered(s)
		if selector == nil {
			continue
		}
		for _, g := range byLabel.selected(s.Namespace, selector) {
			w := g.owner.workload
			if !slices.Contains(own, w) && !slices.Contains(s.DropOuts, w) && !r.behindAnother(g) {
				s.DropOuts = append(s.DropOuts, w)
			}
		}
		slices.SortFunc(s.DropOuts, func(a, b model.Workload) int { return strings.Compare(a.String(), b.String()) })
	}
}

// unsteered returns the selector that s would have without its controller, and the
// workloads that this controller runs; nil if it is not known, or if nobody calls s.
func (r *reader) unsteered(s *model.Service) (map[string]string, []model.Workload) {
	if len(s.Selector) == 0 || s.Steered.Name == "" {
		return nil, nil
	}
	selector := maps.Clone(s.Selector)
	if s.Steered.Kind == rolloutKind {
		if r.isOfRolloutOnly(s) {
			return nil, nil
		}
		delete(selector, model.RolloutHash)
		return selector, []model.Workload{{Kind: rolloutKind, Name: s.Steered.Name}}
	}
	at := slices.IndexFunc(r.Canaries, func(c *Canary) bool { return c.Namespace == s.Namespace && c.Name == s.Steered.Name })
	if at < 0 || r.Canaries[at].Apex != s.Name {
		return nil, nil
	}
	target := r.Canaries[at].Target
	primary := model.Workload{Kind: target.Kind, Name: target.Name + "-primary"}
	for key, value := range selector {
		if value == primary.Name {
			selector[key] = target.Name
		}
	}
	return selector, []model.Workload{target, primary}
}

// isOfRolloutOnly reports whether s is for the use of a Rollout only, such as the Service
// of its canary.
func (r *reader) isOfRolloutOnly(s *model.Service) bool {
	return slices.ContainsFunc(r.Workloads, func(w *Workload) bool {
		return w.Kind == rolloutKind && w.Namespace == s.Namespace && w.Name == s.Steered.Name && w.Stable != "" && w.Stable != s.Name
	})
}

// behindAnother reports whether a Service that no controller steers selects g.
func (r *reader) behindAnother(g *group) bool {
	return slices.ContainsFunc(r.snapshot.Services, func(s model.Service) bool {
		return s.Namespace == g.owner.namespace && len(s.Selector) > 0 && !s.Steered.Is() && model.HasLabels(g.labels.All, s.Selector)
	})
}
