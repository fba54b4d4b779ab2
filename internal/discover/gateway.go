package discover

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
)

// readGateways adds the Gateways to the snapshot, and the pods that they select, which may
// be in any namespace. Where no such pods were read, the options may name their namespaces.
func (r *reader) readGateways(groups []*group) {
	selectors := map[string]map[string]string{}
	for _, g := range r.Gateways {
		out := model.Gateway{Namespace: g.Namespace, Name: g.Name, Created: g.CreationTimestamp.Time, Revision: g.Labels[revisionLabel], Spec: &g.Spec}
		out.Origin = r.Origins[out.Object()]
		r.snapshot.Gateways = append(r.snapshot.Gateways, out)
		if selector := g.Spec.GetSelector(); len(selector) > 0 {
			selectors[model.LabelString(selector)] = selector
		}
	}
	found := map[string]model.GatewayPods{}
	add := func(namespace string, labels map[string]string) {
		found[namespace+"/"+model.LabelString(labels)] = model.GatewayPods{Namespace: namespace, Labels: labels}
	}
	for _, g := range groups {
		for _, selector := range selectors {
			if model.HasLabels(g.labels.All, selector) {
				add(g.owner.namespace, g.labels.Kept)
			}
		}
	}
	for _, namespace := range r.snapshot.Options.GatewayNamespaces {
		for _, selector := range selectors {
			add(namespace, selector)
		}
	}
	r.snapshot.GatewayPods = slices.SortedFunc(maps.Values(found), model.GatewayPods.Compare)
}
