package discover

import (
	"maps"
	"slices"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// followAnnotation says whether a Gateway follows overrides.
const followAnnotation = AnnotationPrefix + "follow"

// readGateways adds the Gateways to the snapshot, and the pods that they select, which may
// be in any namespace. Where no such pods were read, the options may name their namespaces.
func (r *reader) readGateways(groups []*group) {
	selectors := map[string]map[string]string{}
	for _, g := range slices.Concat(r.Gateways, r.GatewaysOfWhole) {
		if selector := g.Spec.GetSelector(); len(selector) > 0 {
			selectors[model.LabelString(selector)] = selector
		}
	}
	for _, g := range r.Gateways {
		r.snapshot.Gateways = append(r.snapshot.Gateways, r.readGateway(g))
	}
	r.implyGatewayPolicies()
	r.addGatewayPods(groups, selectors)
	EnforceGatewayPolicies(r.snapshot)
	EnforceTokens(r.snapshot, r.snapshot.Policies)
	r.snapshot.ForwardingNamespaces = forwardingNamespaces(r.snapshot.Policies, r.snapshot.Options.RootNamespace)
}

// addGatewayPods adds the pods with the labels of selectors, and those of Gateways of the
// Gateway API that have a policy.
func (r *reader) addGatewayPods(groups []*group, selectors map[string]map[string]string) {
	found := map[string]model.GatewayPods{}
	add := func(namespace string, labels map[string]string, versions []string) {
		key := namespace + "/" + model.LabelString(labels)
		p := model.GatewayPods{Namespace: namespace, Labels: labels, Proxies: slices.Clone(found[key].Proxies)}
		for _, version := range versions {
			p.Proxies = appendVersion(p.Proxies, version)
		}
		found[key] = p
	}
	for _, g := range groups {
		for _, selector := range selectors {
			if model.HasLabels(g.labels.All, selector) {
				add(g.owner.namespace, g.labels.Kept, g.routers)
			}
		}
		if name := g.labels.All[model.GatewayNameLabel]; name != "" && r.hasPolicyInGatewayAPI(g.owner.namespace, name) {
			add(g.owner.namespace, g.labels.Kept, g.routers)
		}
	}
	for _, namespace := range r.snapshot.Options.GatewayNamespaces {
		for _, selector := range selectors {
			add(namespace, selector, nil)
		}
	}
	r.snapshot.GatewayPods = slices.SortedFunc(maps.Values(found), model.GatewayPods.Compare)
}

// readGateway reads a Gateway and its annotations.
func (r *reader) readGateway(g *istionetv1.Gateway) model.Gateway {
	out := model.Gateway{Namespace: g.Namespace, Name: g.Name, Created: g.CreationTimestamp.Time, Revision: g.Labels[revisionLabel], Spec: &g.Spec}
	out.Origin = r.Origins[out.Object()]
	out.Unfollowed, out.Follows = r.readFollow(out.Object(), g.Annotations)
	return out
}
