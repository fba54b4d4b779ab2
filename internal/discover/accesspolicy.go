package discover

import (
	"slices"

	securityapi "istio.io/api/security/v1beta1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// dryRunAnnotation keeps an AuthorizationPolicy from being enforced (istio
// pilot/pkg/security/authz/builder).
const dryRunAnnotation = "istio.io/dry-run"

// readAccessPolicies adds the AuthorizationPolicies that decide who may call pods, without those
// that Overrides wrote.
func (r *reader) readAccessPolicies() {
	for _, a := range r.Authorizers {
		out := model.AccessPolicy{PodPolicy: podPolicy(a, &a.Spec), Spec: &a.Spec}
		switch {
		case isOurs(&a.ObjectMeta), a.Annotations[dryRunAnnotation] == "true", a.Spec.GetAction() == securityapi.AuthorizationPolicy_AUDIT:
		case a.Spec.GetTargetRef() != nil, len(a.Spec.GetTargetRefs()) > 0:
		default:
			r.snapshot.AccessPolicies = append(r.snapshot.AccessPolicies, out)
		}
	}
	slices.SortFunc(r.snapshot.AccessPolicies, func(a, b model.AccessPolicy) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
}
