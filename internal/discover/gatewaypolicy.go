package discover

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	securityapi "istio.io/api/security/v1beta1"
	typeapi "istio.io/api/type/v1beta1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/model"
)

// decodeGatewayPolicy refuses unknown fields, as decodePolicy does.
func decodeGatewayPolicy(doc []byte) (metav1.Object, error) {
	object := &v1alpha1.GatewayOverridePolicy{}
	return object, strictly(doc, object, kjson.DisallowDuplicateFields, kjson.DisallowUnknownFields)
}

// readGatewayPolicies adds the policies of Gateways, by precedence, and what checks requests at
// their pods.
func (r *reader) readGatewayPolicies() {
	for _, p := range r.GatewayPolicies {
		out := model.GatewayPolicy{Namespace: p.Namespace, Name: p.Name, Created: p.CreationTimestamp.Time, Spec: &p.Spec}
		out.Origin = r.Origins[out.Object()]
		r.snapshot.GatewayPolicies = append(r.snapshot.GatewayPolicies, out)
	}
	slices.SortFunc(r.snapshot.GatewayPolicies, func(a, b model.GatewayPolicy) int { return a.Compare(&b) })
	for _, c := range r.TokenChecks {
		out := model.TokenCheck{PodPolicy: podPolicy(c, &c.Spec)}
		if len(c.Spec.GetTargetRefs()) > len(out.Gateways) {
			continue // it is for Services, too
		}
		for _, rule := range c.Spec.GetJwtRules() {
			out.Issuers = append(out.Issuers, rule.GetIssuer())
		}
		r.snapshot.TokenChecks = append(r.snapshot.TokenChecks, out)
	}
	slices.SortFunc(r.snapshot.TokenChecks, func(a, b model.TokenCheck) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	for _, a := range r.Authorizers {
		out := model.Authorizer{PodPolicy: podPolicy(a, &a.Spec), Provider: a.Spec.GetProvider().GetName()}
		if a.Spec.GetAction() != securityapi.AuthorizationPolicy_CUSTOM || out.Gateways == nil && len(a.Spec.GetTargetRefs()) > 0 {
			continue // it asks nobody, or is for waypoints
		}
		r.snapshot.Authorizers = append(r.snapshot.Authorizers, out)
	}
	r.readAccessPolicies()
	slices.SortFunc(r.snapshot.Authorizers, func(a, b model.Authorizer) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
}

// readPermittedPolicies adds which policies of other namespaces may be for the gateway pods of
// each namespace.
func (r *reader) readPermittedPolicies() {
	r.snapshot.PermittedPolicies = map[string][]string{}
	for _, n := range r.Namespaces {
		if list := split(n.Annotations[GatewayPoliciesAnnotation]); len(list) > 0 {
			r.snapshot.PermittedPolicies[n.Name] = list
		}
	}
}

// podSpec is the part of a security policy of Istio that says for which pods it is.
type podSpec interface {
	GetSelector() *typeapi.WorkloadSelector
	GetTargetRef() *typeapi.PolicyTargetReference
	GetTargetRefs() []*typeapi.PolicyTargetReference
}

// podPolicy returns for which pods a security policy of Istio is.
func podPolicy(meta metav1.Object, spec podSpec) model.PodPolicy {
	out := model.PodPolicy{Namespace: meta.GetNamespace(), Name: meta.GetName(), Selector: spec.GetSelector().GetMatchLabels()}
	for _, ref := range slices.Concat(spec.GetTargetRefs(), []*typeapi.PolicyTargetReference{spec.GetTargetRef()}) {
		if ref.GetKind() == "Gateway" {
			out.Gateways = append(out.Gateways, ref.GetName())
		}
	}
	return out
}

// GatewayPoliciesAnnotation is the annotation of a Namespace that names the other namespaces
// whose GatewayOverridePolicies may be for the gateway pods in it.
const GatewayPoliciesAnnotation = AnnotationPrefix + "gateway-policies"

// hasPolicyInGatewayAPI reports whether a Gateway of the Gateway API has a policy.
func (r *reader) hasPolicyInGatewayAPI(namespace, name string) bool {
	return slices.ContainsFunc(r.snapshot.GatewayPolicies, func(p model.GatewayPolicy) bool {
		return p.ForGatewayAPI() && p.Namespace == namespace && p.Spec.TargetRef.Name == name
	})
}
