package preview

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// selector is a selector that must not match the preview's pods.
type selector struct {
	of diag.Object
	// does says what the object does with pods that match.
	does    string
	matches labels.Selector
	// keys are those of the labels on which it depends.
	keys []string
}

// ofWorkloads are the selectors of all workloads in the namespace of the preview, and those
// by which the released pods keep apart from others there.
func (m *maker) ofWorkloads() []selector {
	var out []selector
	if !m.isElsewhere() {
		out = slices.Clone(m.apart)
	}
	for _, w := range workloadsOf(m.before, m.Home) {
		if of := selectorOf(w); of != nil {
			out = append(out, selector{diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}, "would adopt", of, keysOf(w)})
		}
	}
	return out
}

// ofServices are the selectors of all Services in the namespace of the preview.
func (m *maker) ofServices() []selector {
	var out []selector
	for _, s := range m.before.Services {
		if s.Namespace == m.Home && len(s.Spec.Selector) > 0 {
			object := diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
			out = append(out, selector{object, "selects", labels.SelectorFromSet(s.Spec.Selector), slices.Sorted(maps.Keys(s.Spec.Selector))})
		}
	}
	return out
}

// selectorOf returns the selector of a workload; nil if it has none that the API server
// would accept.
func selectorOf(w *discover.Workload) labels.Selector {
	if len(w.Selector) > 0 {
		return labels.SelectorFromSet(w.Selector)
	}
	if w.Expressions == nil {
		return nil
	}
	out, err := metav1.LabelSelectorAsSelector(w.Expressions)
	if err != nil {
		return nil
	}
	return out
}

// keysOf lists the keys of the labels on which the selector of a workload depends.
func keysOf(w *discover.Workload) []string {
	if w.Expressions != nil {
		return keysOfSelector(w.Expressions)
	}
	return slices.Sorted(maps.Keys(w.Selector))
}

func keysOfSelector(s *metav1.LabelSelector) []string {
	keys := slices.Collect(maps.Keys(s.MatchLabels))
	for _, e := range s.MatchExpressions {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// ownSelectors returns the selectors of the preview's workload and, for a Service of its own,
// of that Service. Both match pods with these labels, and no others in the namespace. They
// have the labels by which the Service and the released workload select, so that they stay as
// they are when other labels change. It returns nil if there are no such selectors.
func (m *maker) ownSelectors(of map[string]string) (ofWorkload, ofService map[string]string) {
	keys := []string{m.Settings.VersionLabel, compile.PreviewLabel}
	for _, w := range workloadsOf(m.before, m.Namespace) {
		if w.Kind == m.Workload.Kind && w.Name == m.Workload.Name {
			keys = append(keys, keysOf(w)...)
		}
	}
	base := slices.Collect(maps.Keys(m.Base.Selector))
	ofWorkload = m.matchingNoOther(pick(of, slices.Concat(keys, base)), of)
	return ofWorkload, m.matchingNoOther(pick(of, base), ofWorkload)
}

// matchingNoOther returns the first of some sets of labels that is not empty and that no other
// pods in the namespace have; nil for none.
func (m *maker) matchingNoOther(sets ...map[string]string) map[string]string {
	for _, set := range sets {
		if len(set) == 0 {
			continue
		}
		others := slices.ContainsFunc(workloadsOf(m.before, m.Home), func(w *discover.Workload) bool {
			return w.Template != nil && model.HasLabels(w.Template.All, set)
		}) || slices.ContainsFunc(m.before.Pods, func(p *discover.Pod) bool {
			return p.Namespace == m.Home && model.HasLabels(p.Labels.All, set)
		})
		if !others {
			return set
		}
	}
	return nil
}

// pick returns the labels of some keys.
func pick(from map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, key := range keys {
		if value, ok := from[key]; ok {
			out[key] = value
		}
	}
	return out
}
