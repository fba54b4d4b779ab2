package model

import (
	"cmp"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

const (
	// GatewayAPIGroup is the API group of the Gateway API.
	GatewayAPIGroup = "gateway.networking.k8s.io"
	// GatewayNameLabel is on the pods of a Gateway of the Gateway API, with its name.
	GatewayNameLabel = GatewayAPIGroup + "/gateway-name"
	// IstioGatewayController is the controller of GatewayClasses whose Gateways are Envoys of
	// Istio, and neither waypoints nor east-west gateways.
	IstioGatewayController = "istio.io/gateway-controller"
)

// GatewayDefault is what becomes of overrides that come from outside at Gateways without a
// policy and without an annotation.
type GatewayDefault struct {
	// Strip is set if they are removed, and these Gateways only pin ordinary requests. Otherwise
	// they are followed.
	Strip bool
	// In are the namespaces of these Gateways.
	In NamespaceSelector
}

// GatewayPolicy is a GatewayOverridePolicy, or the implied policy of a Gateway that has none.
type GatewayPolicy struct {
	// Namespace and Name are those of the object; an implied policy has no name.
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Spec is the user's specification; never changed.
	Spec *v1alpha1.GatewayOverridePolicySpec
	// Older is the policy that is in force instead, for the same Gateway or the same pods;
	// zero if this one is.
	Older diag.Object
	// NotPermitted is set if its Gateway has pods only in namespaces that don't permit policies
	// of its namespace: it is not in force.
	NotPermitted bool
}

// Implied reports whether no object says what p says, but the default.
func (p *GatewayPolicy) Implied() bool { return p.Name == "" }

// Target returns the Gateway that p is for.
func (p *GatewayPolicy) Target() diag.Object {
	out := diag.Object{Kind: "Gateway", Namespace: p.Namespace, Name: p.Spec.TargetRef.Name}
	if p.ForGatewayAPI() {
		out.Kind = diag.KubernetesGateway
	}
	return out
}

// Object returns the name of p for diagnostics: that of its Gateway if p is implied.
func (p *GatewayPolicy) Object() diag.Object {
	if p.Implied() {
		return p.Target()
	}
	return diag.Object{Kind: v1alpha1.KindGatewayOverridePolicy, Namespace: p.Namespace, Name: p.Name}
}

// ForGatewayAPI reports whether p is for a Gateway of the Gateway API.
func (p *GatewayPolicy) ForGatewayAPI() bool { return p.Spec.TargetRef.Group == GatewayAPIGroup }

// Claims returns what the routes of p's Gateway ask for: the rules of the mode Claim, or one that
// permits everything, for a soft guard; nil for nothing.
func (p *GatewayPolicy) Claims() *v1alpha1.ClaimRules {
	required := p.Spec.Require
	switch {
	case p.Spec.Header == v1alpha1.HeaderClaim:
		return p.Spec.Claims
	case required != nil && required.Mode == v1alpha1.GuardSoft:
		return &v1alpha1.ClaimRules{Issuer: required.Issuer, Rules: []v1alpha1.ClaimRule{{Claim: required.Claim, Values: required.Values}}}
	}
	return nil
}

// Compare orders policies by precedence: by age, then by name, and implied ones last.
func (p *GatewayPolicy) Compare(q *GatewayPolicy) int {
	if p.Implied() != q.Implied() {
		if p.Implied() {
			return 1
		}
		return -1
	}
	return cmp.Or(p.Created.Compare(q.Created), cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name), p.Target().Compare(q.Target()))
}

// InForce reports whether p is in force, as far as other policies and namespaces decide that.
func (p *GatewayPolicy) InForce() bool { return p.Older.Name == "" && !p.NotPermitted }

// PermitsPolicies reports whether policies of a namespace may be for the gateway pods of
// another one. What somebody applies by hand acts with their own rights.
func (s *Snapshot) PermitsPolicies(pods, policy string) bool {
	permitted := s.PermittedPolicies[pods]
	return pods == policy || s.Options.Static || slices.Contains(permitted, policy) || slices.Contains(permitted, "*")
}

// PodPolicy says for which pods a security policy of Istio is.
type PodPolicy struct {
	Namespace, Name string
	// Selector are the labels of the pods, Gateways the names of Gateways of the Gateway API. If
	// both are empty, it is for all pods of its namespace, or of the mesh if that is the root
	// namespace.
	Selector map[string]string
	Gateways []string
}

// TokenCheck is a RequestAuthentication.
type TokenCheck struct {
	PodPolicy

	// Issuers are the issuers whose tokens it accepts.
	Issuers []string
}

// Authorizer is an AuthorizationPolicy of a user's that asks an external authorizer.
type Authorizer struct {
	PodPolicy

	// Provider is the name of the authorizer in the mesh configuration.
	Provider string
}
