package model

import (
	"cmp"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// Gateway is an Istio Gateway: ports and hosts of gateway proxies.
type Gateway struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Revision is the value of the label istio.io/rev: only that istiod reads the object;
	// empty if all do.
	Revision string
	// Spec is the user's specification; never changed.
	Spec *istioapi.Gateway
	// Unfollowed is set if its own annotation says that it must not follow overrides, and
	// Follows if it says that it does.
	Unfollowed, Follows bool
	// PinOnly is set if it must not follow overrides, but ordinary requests are pinned; PinnedBy
	// says what asks for that.
	PinOnly  bool
	PinnedBy string
	// Soft is the claim without which a request loses its override; nil for none.
	Soft *v1alpha1.RequiredClaim
	// Tokens is set if it makes overrides of tokens only.
	Tokens bool
	// TokenRule is set if all of its pods make overrides of tokens, and of nothing else, and
	// TokenPolicy is the policy that asks for that.
	TokenRule   *TokenRule
	TokenPolicy diag.Object
}

// Object returns the name of g for diagnostics.
func (g *Gateway) Object() diag.Object {
	return diag.Object{Kind: "Gateway", Namespace: g.Namespace, Name: g.Name}
}

// Selects reports whether g is for pods with some labels. One without a selector is for all
// gateway proxies.
func (g *Gateway) Selects(labels map[string]string) bool {
	return HasLabels(labels, g.Spec.GetSelector())
}

// GatewayPods are the pods of gateway proxies in a namespace that have the same labels.
type GatewayPods struct {
	Namespace string
	Labels    map[string]string
	// Proxies are the versions of Istio's proxies in them, as far as their images say so,
	// sorted.
	Proxies []string
}

// Compare orders pods by namespace and labels.
func (p GatewayPods) Compare(q GatewayPods) int {
	return cmp.Or(cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(LabelString(p.Labels), LabelString(q.Labels)))
}
