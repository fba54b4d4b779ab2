package edge

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Needed returns what must stay as it is, since a VirtualService at a gateway has rows that don't
// ask for claims yet: guards of policies that ask for claims in routes now, and filters of policies
// in mode Claim, which keep what the ones before them remove. Wanted and observed have the objects
// of policies, and observed the VirtualServices of Overrides, too.
func Needed(snapshot *model.Snapshot, wanted []encoded.Object, observed []plan.Observed) []diag.Object {
	var out []diag.Object
	for i := range snapshot.GatewayPolicies {
		p := &snapshot.GatewayPolicies[i]
		claims := p.Claims()
		if !p.InForce() || claims == nil || len(claims.Rules) == 0 {
			continue
		}
		stays := guardsOf(p, observed)
		if p.Spec.Header == v1alpha1.HeaderClaim {
			stays = append(stays, filtersOf(p, wanted)...)
		}
		if len(stays) > 0 && slices.ContainsFunc(observed, func(o plan.Observed) bool {
			return o.Kind == "VirtualService" && isHard(o.Managed, gatewaysWith(snapshot, claims), snapshot.Options.Header, claims)
		}) {
			out = append(out, stays...)
		}
	}
	return out
}

// guardsOf lists the observed guards that were made for a policy.
func guardsOf(p *model.GatewayPolicy, observed []plan.Observed) []diag.Object {
	var out []diag.Object
	for _, o := range observed {
		if o.Kind == guardKind && PolicyOf(o.Managed) == p.Object() {
			out = append(out, o.Object)
		}
	}
	return out
}

// filtersOf lists the wanted filters that are made for a policy.
func filtersOf(p *model.GatewayPolicy, wanted []encoded.Object) []diag.Object {
	var out []diag.Object
	for _, o := range wanted {
		if o.Kind == filterKind && PolicyOf(o.JSON) == p.Object() {
			out = append(out, o.Object)
		}
	}
	return out
}

// policyName is the value of [PolicyAnnotation] for a policy.
func policyName(by diag.Object) string {
	name := by.Namespace + "/" + by.Name
	if by.Kind != v1alpha1.KindGatewayOverridePolicy {
		return by.Kind + " " + name
	}
	return name
}

// PolicyOf returns the name of the policy that an object was made for, see
// [model.GatewayPolicy.Object].
func PolicyOf(object []byte) diag.Object {
	var o struct {
		Metadata struct{ Annotations map[string]string }
	}
	out := diag.Object{Kind: v1alpha1.KindGatewayOverridePolicy}
	if json.Unmarshal(object, &o) == nil {
		name := o.Metadata.Annotations[PolicyAnnotation]
		if kind, rest, implied := strings.Cut(name, " "); implied {
			out.Kind, name = kind, rest
		}
		out.Namespace, out.Name, _ = strings.Cut(name, "/")
	}
	return out
}

// gatewaysWith lists the Gateways with some rules for claims, as VirtualServices name them.
func gatewaysWith(snapshot *model.Snapshot, claims *v1alpha1.ClaimRules) []string {
	var out []string
	for i := range snapshot.Gateways {
		if g := &snapshot.Gateways[i]; reflect.DeepEqual(g.Claims, claims) {
			out = append(out, g.Namespace+"/"+g.Name)
		}
	}
	return out
}

// isHard reports whether a VirtualService is for one of some gateways, and has rows for requests
// with an override that do not ask for claims. One that only pins has none, or one for all
// overrides, which removes them.
func isHard(object []byte, gateways []string, carrier string, claims *v1alpha1.ClaimRules) bool {
	var o struct {
		Spec struct {
			Gateways []string
			HTTP     []struct {
				Match []struct {
					Headers, WithoutHeaders map[string]json.RawMessage
				}
			}
		}
	}
	if json.Unmarshal(object, &o) != nil || !slices.ContainsFunc(o.Spec.Gateways, func(g string) bool { return slices.Contains(gateways, g) }) {
		return false
	}
	rows := false
	for _, r := range o.Spec.HTTP {
		for _, m := range r.Match {
			if _, asks := m.WithoutHeaders["@request.auth.claims["+claims.Rules[0].Claim+"]"]; asks {
				return false
			}
			header := len(m.Headers[carrier]) > len("{}")
			_, baggage := m.Headers[grammar.BaggageHeader]
			rows = rows || header || baggage
		}
	}
	return rows
}
