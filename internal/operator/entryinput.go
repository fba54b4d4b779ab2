package operator

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// isOfEntry reports whether objects of a kind are policies of gateways, or were written for
// them.
func isOfEntry(kind string) bool {
	return kind == v1alpha1.KindGatewayOverridePolicy || isEntryOnly(kind) && kind != "RequestAuthentication"
}

// notifyEntries signals the loop of policies that an object has changed, unless that changes
// nothing for it.
func (s *store) notifyEntries(name diag.Object, x *item) {
	if s.policies+len(s.closures.needs) == 0 && name.Kind != "OverridePolicy" && !s.options.Model.GatewayDefault.Strip || x == nil {
		return
	}
	switch object := x.Object.(type) {
	case *discover.Pod:
		if object.Router == "" {
			return
		}
	case *discover.VirtualService:
		if !mesh.BoundToGateways(object.Spec.GetGateways()) {
			return
		}
	case *discover.Route:
		if object.HTTP == nil {
			return
		}
	case *istionetv1.Gateway, *discover.GatewayPart, *istiosecv1.RequestAuthentication, *istiosecv1.AuthorizationPolicy,
		*v1alpha1.GatewayOverridePolicy, *v1alpha1.OverridePolicy, *corev1.Namespace:
	default:
		if !isOfEntry(name.Kind) {
			return
		}
	}
	s.wakeEntries()
}

// wakeEntries signals the loop of policies.
func (s *store) wakeEntries() {
	select {
	case s.entriesChanged <- struct{}{}:
	default:
	}
}

// entryInput returns what the store has about policies of gateways. The objects must not be
// changed.
func (s *store) entryInput() entryInput {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := entryInput{
		objects:  &discover.Objects{Cluster: true, Part: true},
		policies: map[diag.Object]*v1alpha1.GatewayOverridePolicy{}, seen: map[diag.Object]*apply.Seen{},
		foreign: map[diag.Object]bool{}, gateways: map[diag.Object]types.UID{},
	}
	modes := map[string]bool{}
	out.manages = func(namespace string) bool { return modes[namespace] }
	var selectors []map[string]string
	for name, x := range s.items {
		mode := s.mode(name.Namespace)
		modes[name.Namespace] = mode == managed
		switch object := x.Object.(type) {
		case *istionetv1.Gateway:
			out.objects.Put(object)
			selectors = append(selectors, object.Spec.GetSelector())
			out.gateways[name] = object.UID
		case *discover.VirtualService:
			if mesh.BoundToGateways(object.Spec.GetGateways()) {
				out.objects.Put(object)
			}
		case *v1alpha1.OverridePolicy:
			if mode == managed && (object.Spec.Access != nil || object.Spec.Forwarding != nil) {
				out.objects.Put(object)
			}
		case *discover.Route:
			if object.HTTP != nil {
				out.objects.Put(object)
			}
		case *discover.GatewayPart:
			out.objects.Put(object)
			if object.Gateway != nil {
				out.gateways[name] = object.UID
			}
		case *istiosecv1.RequestAuthentication, *istiosecv1.AuthorizationPolicy, *corev1.Namespace:
			out.objects.Put(object)
		case *v1alpha1.GatewayOverridePolicy:
			if mode == managed {
				out.addPolicy(name, object)
			}
		}
		if x.seen != nil {
			out.addSeen(name, x.seen, mode != untouched)
		}
	}
	s.addGatewayPods(&out, selectors)
	out.needs, out.needsKnown = s.needs(), s.closures.known
	return out
}

// addPolicy adds a policy of a managed namespace.
func (in *entryInput) addPolicy(name diag.Object, p *v1alpha1.GatewayOverridePolicy) {
	in.objects.Put(p)
	policy := *p
	policy.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindGatewayOverridePolicy)) // Events refer to it
	in.policies[name] = &policy
}

// addSeen adds an object with a name that Overrides gives. touched is set for namespaces where it
// writes or deletes.
func (in *entryInput) addSeen(name diag.Object, seen *apply.Seen, touched bool) {
	if name.Kind == "VirtualService" {
		in.routes = append(in.routes, seen.Observed)
	}
	if isOfEntry(name.Kind) && touched {
		if in.foreign[name] = seen.NotOurs != ""; !in.foreign[name] {
			in.seen[name] = seen
		}
	}
}

// setFilters notes what proxies have the filter of, and signals a change.
func (s *store) setFilters(filters []diag.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.filters, filters) {
		return
	}
	s.filters = filters
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// addGatewayPods adds the pods and workloads of gateways in managed namespaces. The caller has
// locked s.mu.
func (s *store) addGatewayPods(out *entryInput, selectors []map[string]string) {
	isGateway := func(labels *discover.Labels) bool {
		if labels == nil {
			return false
		}
		if labels.All[model.GatewayNameLabel] != "" {
			return true
		}
		for _, selector := range selectors {
			if len(selector) > 0 && model.HasLabels(labels.All, selector) {
				return true
			}
		}
		return false
	}
	for name, x := range s.items {
		switch object := x.Object.(type) {
		case *discover.Pod:
			if isGateway(object.Labels) && s.mode(name.Namespace) == managed {
				out.objects.Put(object)
			}
		case *discover.Workload:
			if isGateway(object.Template) && s.mode(name.Namespace) == managed {
				out.objects.Put(object)
			}
		}
	}
}
