package model

import (
	"cmp"
	"time"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

const (
	// GatewayAPIGroup is the API group of the Gateway API.
	GatewayAPIGroup = "gateway.networking.k8s.io"
	// GatewayNameLabel is on the pods of a Gateway of the Gateway API, with its name.
	GatewayNameLabel = GatewayAPIGroup + "/gateway-name"
)

// GatewayPolicy is a GatewayOverridePolicy.
type GatewayPolicy struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Spec is the user's specification; never changed.
	Spec *v1alpha1.GatewayOverridePolicySpec
	// Older is the policy that is in force instead, for the same Gateway or the same pods;
	// zero if this one is.
	Older diag.Object
}

// Object returns the name of p for diagnostics.
func (p *GatewayPolicy) Object() diag.Object {
	return diag.Object{Kind: v1alpha1.KindGatewayOverridePolicy, Namespace: p.Namespace, Name: p.Name}
}

// ForGatewayAPI reports whether p is for a Gateway of the Gateway API.
func (p *GatewayPolicy) ForGatewayAPI() bool { return p.Spec.TargetRef.Group == GatewayAPIGroup }

// Compare orders policies by precedence: by age, then by name.
func (p *GatewayPolicy) Compare(q *GatewayPolicy) int {
	return cmp.Or(p.Created.Compare(q.Created), cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(p.Name, q.Name))
}

// TokenCheck is a RequestAuthentication.
type TokenCheck struct {
	Namespace, Name string
	// Selector are the labels of the pods that it is for, Gateways the names of Gateways of
	// the Gateway API. If both are empty, it is for all pods of its namespace.
	Selector map[string]string
	Gateways []string
	// Issuers are the issuers whose tokens it accepts.
	Issuers []string
}
