package discover

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	typeapi "istio.io/api/type/v1beta1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/model"
)

// decodeGatewayPolicy refuses unknown fields, as decodePolicy does.
func decodeGatewayPolicy(doc []byte) (metav1.Object, error) {
	object := &v1alpha1.GatewayOverridePolicy{}
	return object, strictly(doc, object, kjson.DisallowDuplicateFields, kjson.DisallowUnknownFields)
}

// readGatewayPolicies adds the policies of Gateways, by precedence, and what checks tokens at
// their pods.
func (r *reader) readGatewayPolicies() {
	for _, p := range r.GatewayPolicies {
		out := model.GatewayPolicy{Namespace: p.Namespace, Name: p.Name, Created: p.CreationTimestamp.Time, Spec: &p.Spec}
		out.Origin = r.Origins[out.Object()]
		r.snapshot.GatewayPolicies = append(r.snapshot.GatewayPolicies, out)
	}
	slices.SortFunc(r.snapshot.GatewayPolicies, func(a, b model.GatewayPolicy) int { return a.Compare(&b) })
	for _, c := range r.TokenChecks {
		out := model.TokenCheck{Namespace: c.Namespace, Name: c.Name, Selector: c.Spec.GetSelector().GetMatchLabels()}
		for _, ref := range slices.Concat(c.Spec.GetTargetRefs(), []*typeapi.PolicyTargetReference{c.Spec.GetTargetRef()}) {
			if ref.GetKind() == "Gateway" {
				out.Gateways = append(out.Gateways, ref.GetName())
			}
		}
		if len(c.Spec.GetTargetRefs()) > len(out.Gateways) {
			continue // it is for Services, too
		}
		for _, rule := range c.Spec.GetJwtRules() {
			out.Issuers = append(out.Issuers, rule.GetIssuer())
		}
		r.snapshot.TokenChecks = append(r.snapshot.TokenChecks, out)
	}
	slices.SortFunc(r.snapshot.TokenChecks, func(a, b model.TokenCheck) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
}

// applyGatewayPolicies finds the policies that are in force, and what they say about the
// routes of Gateways:
//
//	whether overrides are followed   of the policy's Gateway
//	the claim of a soft guard        of all Gateways that may have its pods, since the filter
//	                                 makes headers of hosts and cookies for all of these
func (r *reader) applyGatewayPolicies() {
	policies := r.snapshot.GatewayPolicies
	for i := range policies {
		p := &policies[i]
		for j := range policies[:i] {
			if q := &policies[j]; q.Older.Name == "" && r.haveSamePods(p, q) {
				p.Older = q.Object()
				break
			}
		}
		if p.Older.Name != "" {
			continue
		}
		if p.ForGatewayAPI() {
			r.applyFollow(p)
			continue
		}
		target := r.targetOf(p)
		for j := range r.snapshot.Gateways {
			g := &r.snapshot.Gateways[j]
			if g == target && p.Spec.Follow != nil {
				g.PinOnly, g.PinnedBy = !*p.Spec.Follow, p.Object().String()+" has follow: false"
			}
			if claim := p.Spec.Require; claim != nil && claim.Mode == v1alpha1.GuardSoft && target != nil && g.MayShare(target) {
				g.Soft = claim
			}
		}
	}
}

// applyFollow applies what the policy of a Gateway of the Gateway API says about following.
func (r *reader) applyFollow(p *model.GatewayPolicy) {
	for i := range r.snapshot.KubernetesGateways {
		g := &r.snapshot.KubernetesGateways[i]
		if p.Spec.Follow == nil || g.Namespace != p.Namespace || g.Name != p.Spec.TargetRef.Name {
			continue
		}
		g.Ignored = ""
		if !*p.Spec.Follow {
			g.Ignored = p.Object().String() + " has follow: false"
		}
	}
}

// targetOf returns the Gateway of Istio that a policy is for; nil if it is not there.
func (r *reader) targetOf(p *model.GatewayPolicy) *model.Gateway {
	at := slices.IndexFunc(r.snapshot.Gateways, func(g model.Gateway) bool {
		return !p.ForGatewayAPI() && g.Namespace == p.Namespace && g.Name == p.Spec.TargetRef.Name
	})
	if at < 0 {
		return nil
	}
	return &r.snapshot.Gateways[at]
}

// haveSamePods reports whether two policies are for one Gateway, or for Gateways that may have
// the same pods.
func (r *reader) haveSamePods(p, q *model.GatewayPolicy) bool {
	if p.Namespace == q.Namespace && p.Spec.TargetRef == q.Spec.TargetRef {
		return true
	}
	a, b := r.targetOf(p), r.targetOf(q)
	return a != nil && b != nil && a.MayShare(b)
}

// hasPolicyInGatewayAPI reports whether a Gateway of the Gateway API has a policy.
func (r *reader) hasPolicyInGatewayAPI(namespace, name string) bool {
	return slices.ContainsFunc(r.snapshot.GatewayPolicies, func(p model.GatewayPolicy) bool {
		return p.ForGatewayAPI() && p.Namespace == namespace && p.Spec.TargetRef.Name == name
	})
}
