package discover

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Neighbourhood is the Services and pods of one namespace. Advice about selectors that
// select nothing follows from it.
type Neighbourhood struct {
	Services []Selector
	Pods     []Pods
	// Elsewhere are pods of other namespaces that no Service there selects, and that have all
	// labels of the selector of a Service of this namespace.
	Elsewhere []Pods
	// Wanting are Services of other namespaces that select nothing.
	Wanting []Selector
}

// Selector is the part of a Service that advice follows from.
type Selector struct {
	Namespace, Name string
	Labels          map[string]string
	// VersionOf is [model.Service.BaseText].
	VersionOf string
	// DropOuts are as in [model.Service].
	DropOuts []model.Workload
	// Steered is set if a controller changes the selector.
	Steered bool
	// Empty is set if the selector should select pods, and does not.
	Empty bool
}

// SelectorOf returns the selector of s.
func SelectorOf(s *model.Service) Selector {
	return Selector{
		Namespace: s.Namespace, Name: s.Name, Labels: s.Selector, VersionOf: s.BaseText(), DropOuts: s.DropOuts, Steered: s.Steered.Is(),
		Empty: len(s.Selector) > 0 && s.ExternalName == "" && len(s.Backends) == 0 && len(s.Unread) == 0 && !s.Steered.Is(),
	}
}

func (s *Selector) object() diag.Object {
	return diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// Pods are pods of one workload with the same labels, or its template.
type Pods struct {
	Namespace string
	Workload  model.Workload
	Labels    *Labels
}

// Advice says which workloads selectors that select nothing may mean.
type Advice struct {
	// Near has the most likely workload for each Service that selects nothing, by its name.
	Near map[string]*model.Near
	// Unselected warns of previews that no Service selects.
	Unselected []diag.Diagnostic
}

// Advise returns advice for one namespace. It decides nothing.
func Advise(n *Neighbourhood) Advice {
	a := &adviser{Neighbourhood: n}
	out := Advice{Near: map[string]*model.Near{}}
	var empty []*Selector
	for i := range n.Services {
		if n.Services[i].Empty {
			empty = append(empty, &n.Services[i])
		}
	}
	if len(empty)*(len(n.Pods)+len(n.Elsewhere)) <= maxComparisons {
		for _, s := range empty {
			if found := a.nearest(s); found != nil {
				out.Near[s.Name] = found
			}
		}
	}
	out.Unselected = a.unselected(out.Near)
	return out
}

// maxComparisons bounds the search in namespaces with many Services without pods.
const maxComparisons = 1 << 17

// adviser gives advice.
type adviser struct{ *Neighbourhood }

// isSelected reports whether a Service selects p.
func (a *adviser) isSelected(p *Pods) bool {
	return slices.ContainsFunc(a.Services, func(s Selector) bool {
		return len(s.Labels) > 0 && model.HasLabels(p.Labels.All, s.Labels)
	})
}

// advise adds advice for all namespaces to what was read.
func (r *reader) advise(groups []*group, byLabel groupIndex) {
	byNamespace := map[string]*Neighbourhood{}
	var empty []Selector
	in := func(namespace string) *Neighbourhood {
		n := byNamespace[namespace]
		if n == nil {
			n = &Neighbourhood{}
			byNamespace[namespace] = n
		}
		return n
	}
	for i := range r.snapshot.Services {
		s := SelectorOf(&r.snapshot.Services[i])
		n := in(s.Namespace)
		n.Services = append(n.Services, s)
		if s.Empty {
			empty = append(empty, s)
		}
	}
	for _, g := range groups {
		n := in(g.owner.namespace)
		n.Pods = append(n.Pods, Pods{g.owner.namespace, g.owner.workload, g.labels})
	}
	advice := map[string]Advice{}
	for namespace, n := range byNamespace {
		if !n.isLoose() {
			continue
		}
		for _, s := range empty {
			if s.Namespace != namespace {
				n.Wanting = append(n.Wanting, s)
				continue
			}
			for other := range byLabel {
				for _, g := range byLabel.selected(other, s.Labels) {
					p := Pods{other, g.owner.workload, g.labels}
					if other != namespace && !(&adviser{byNamespace[other]}).isSelected(&p) {
						n.Elsewhere = append(n.Elsewhere, p)
					}
				}
			}
		}
		advice[namespace] = Advise(n)
		for _, d := range advice[namespace].Unselected {
			r.diags = append(r.diags, d.At(r.Origins[d.Object]))
		}
	}
	for i := range r.snapshot.Services {
		s := &r.snapshot.Services[i]
		s.Near = advice[s.Namespace].Near[s.Name]
	}
}

// isLoose reports whether there is a Service that selects nothing, or a preview.
func (n *Neighbourhood) isLoose() bool {
	return slices.ContainsFunc(n.Services, func(s Selector) bool { return s.Empty }) || slices.ContainsFunc(n.Pods, func(p Pods) bool { return p.IsPreview() })
}
