package discover

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
)

// dryRunAnnotation keeps an AuthorizationPolicy from being enforced (istio
// pilot/pkg/security/authz/builder).
const dryRunAnnotation = "istio.io/dry-run"

// readAccessPolicies adds the AuthorizationPolicies that decide who may call pods. Dry
// runs decide nothing.
func (r *reader) readAccessPolicies() {
	for _, a := range r.Authorizers {
		out := model.AccessPolicy{PodPolicy: podPolicy(a, &a.Spec), Spec: &a.Spec}
		switch {
		case a.Annotations[dryRunAnnotation] == "true":
		case a.Spec.GetTargetRef() != nil, len(a.Spec.GetTargetRefs()) > 0:
		default:
			r.snapshot.AccessPolicies = append(r.snapshot.AccessPolicies, out)
		}
	}
	slices.SortFunc(r.snapshot.AccessPolicies, func(a, b model.AccessPolicy) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
}
