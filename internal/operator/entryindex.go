package operator

import (
	"bytes"
	"maps"
	"slices"

	securityapi "istio.io/api/security/v1beta1"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// entryIndex finds the objects that policies of gateways and closed previews depend on. With
// it, the work for a change of one of them does not grow with the number of Services. The
// store updates it with each of its objects.
type entryIndex struct {
	// items are the objects that policies depend on, but for pods and workloads.
	items map[diag.Object]*item
	// pods are the pods and workloads of gateways.
	pods map[diag.Object]*item
	// selectors has the selectors of Istio's Gateways by their text. incomplete is set if one
	// of them was not compared with all pods yet.
	selectors  map[string]*gatewaySelector
	incomplete bool
	// rowsFrom counts the VirtualServices of Overrides with rows for callers of each
	// namespace.
	rowsFrom map[string]int
	// authorizers are the AuthorizationPolicies of users, by namespace.
	authorizers map[string]*authorizers
}

// gatewaySelector is a selector, and the number of Gateways that have it.
type gatewaySelector struct {
	labels   map[string]string
	gateways int
}

// authorizers are the AuthorizationPolicies of a namespace. policies is what they say about
// the callers of pods; nil if it was not read since one of them changed.
type authorizers struct {
	all      map[diag.Object]*istiosecv1.AuthorizationPolicy
	policies []model.AccessPolicy
}

func newEntryIndex() entryIndex {
	return entryIndex{
		items: map[diag.Object]*item{}, pods: map[diag.Object]*item{}, selectors: map[string]*gatewaySelector{},
		rowsFrom: map[string]int{}, authorizers: map[string]*authorizers{},
	}
}

// set replaces the state old of an object by next; nil for no object.
func (i *entryIndex) set(name diag.Object, old, next *item) {
	i.count(old, -1)
	i.count(next, 1)
	i.authorize(name, next)
	keep(i.items, name, next, next != nil && isEntryInput(name, next))
	keep(i.pods, name, next, next != nil && i.isOfGateway(next))
}

// keep stores an object in one of the maps of an index, or removes it.
func keep(in map[diag.Object]*item, name diag.Object, x *item, is bool) {
	if is {
		in[name] = x
	} else {
		delete(in, name)
	}
}

// count counts what an object has that came, or one that went if n is negative.
func (i *entryIndex) count(x *item, n int) {
	if x == nil {
		return
	}
	if gateway, is := x.Object.(*istionetv1.Gateway); is && len(gateway.Spec.GetSelector()) > 0 {
		i.countSelector(gateway.Spec.GetSelector(), n)
	}
	if x.seen == nil || x.seen.Kind != "VirtualService" {
		return
	}
	for _, namespace := range access.RowsFrom(x.seen.Managed) {
		if i.rowsFrom[namespace] += n; i.rowsFrom[namespace] == 0 {
			delete(i.rowsFrom, namespace)
		}
	}
}

func (i *entryIndex) countSelector(labels map[string]string, n int) {
	text := model.LabelString(labels)
	if i.selectors[text] == nil {
		i.selectors[text] = &gatewaySelector{labels: labels}
		i.incomplete = true
	}
	if i.selectors[text].gateways += n; i.selectors[text].gateways == 0 {
		delete(i.selectors, text)
		i.incomplete = true
	}
}

// authorize replaces an AuthorizationPolicy of a user's.
func (i *entryIndex) authorize(name diag.Object, next *item) {
	if name.Kind != "AuthorizationPolicy" {
		return
	}
	in := i.authorizers[name.Namespace]
	if in == nil {
		in = &authorizers{all: map[diag.Object]*istiosecv1.AuthorizationPolicy{}}
		i.authorizers[name.Namespace] = in
	}
	in.policies = nil
	delete(in.all, name)
	if next == nil {
		return
	}
	if policy, is := next.Object.(*istiosecv1.AuthorizationPolicy); is {
		in.all[name] = policy
	}
}

// isEntryInput reports whether policies of gateways depend on an object that is neither a pod
// nor a workload.
func isEntryInput(name diag.Object, x *item) bool {
	switch object := x.Object.(type) {
	case *discover.VirtualService:
		return mesh.BoundToGateways(object.Spec.GetGateways())
	case *v1alpha1.OverridePolicy:
		return object.Spec.Access != nil || object.Spec.Forwarding != nil
	case *discover.Route:
		return object.HTTP != nil
	case *istiosecv1.AuthorizationPolicy:
		return object.Spec.GetAction() == securityapi.AuthorizationPolicy_CUSTOM
	case *istionetv1.Gateway, *discover.GatewayPart, *istiosecv1.RequestAuthentication, *corev1.Namespace, *v1alpha1.GatewayOverridePolicy:
		return true
	}
	return x.seen != nil && (isOfEntry(name.Kind) || name.Kind == "VirtualService" && bytes.Contains(x.seen.Managed, []byte(`"gateways":`)))
}

// isOfGateway reports whether an object is a pod of a gateway, or a workload with such pods.
func (i *entryIndex) isOfGateway(x *item) bool {
	var labels *discover.Labels
	switch object := x.Object.(type) {
	case *discover.Pod:
		labels = object.Labels
	case *discover.Workload:
		labels = object.Template
	}
	if labels == nil {
		return false
	}
	if labels.All[model.GatewayNameLabel] != "" {
		return true
	}
	for _, s := range i.selectors {
		if model.HasLabels(labels.All, s.labels) {
			return true
		}
	}
	return false
}

// gatewayPods returns the pods and workloads of gateways. It looks at all objects only after
// the selectors of Gateways have changed. The caller has locked s.mu.
func (s *store) gatewayPods() map[diag.Object]*item {
	if s.entryIndex.incomplete {
		s.entryIndex.incomplete = false
		for name, x := range s.items {
			keep(s.entryIndex.pods, name, x, s.entryIndex.isOfGateway(x))
		}
	}
	return s.entryIndex.pods
}

// accessPolicies returns what AuthorizationPolicies of some namespaces, and of Istio's root
// namespace, say about the callers of pods, sorted. The caller has locked s.mu.
func (s *store) accessPolicies(namespaces map[string]bool) []model.AccessPolicy {
	namespaces[s.options.Model.RootNamespace] = true
	var out []model.AccessPolicy
	for _, namespace := range slices.Sorted(maps.Keys(namespaces)) {
		in := s.entryIndex.authorizers[namespace]
		if in == nil || len(in.all) == 0 {
			continue
		}
		if in.policies == nil {
			objects := &discover.Objects{Cluster: true, Part: true}
			for _, policy := range in.all {
				objects.Put(policy)
			}
			snapshot, _ := objects.Snapshot(s.options.Model)
			in.policies = snapshot.AccessPolicies
		}
		out = append(out, in.policies...)
	}
	return out
}
