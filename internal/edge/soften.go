package edge

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Needed returns the guards that are needed although their policies, which are soft now, don't
// ask for them: a VirtualService at their gateways has rows that don't ask for the claim yet.
// Observed has the objects of policies and the VirtualServices of Overrides.
func Needed(snapshot *model.Snapshot, observed []plan.Observed) []diag.Object {
	var out []diag.Object
	for i := range snapshot.GatewayPolicies {
		p := &snapshot.GatewayPolicies[i]
		claim := p.Spec.Require
		if !p.InForce() || claim == nil || claim.Mode != v1alpha1.GuardSoft {
			continue
		}
		guards := guardsOf(p, observed)
		if len(guards) > 0 && slices.ContainsFunc(observed, func(o plan.Observed) bool {
			return o.Kind == "VirtualService" && isHard(o.Managed, softGateways(snapshot, claim), snapshot.Options.Header, claim.Claim)
		}) {
			out = append(out, guards...)
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

// softGateways lists the Gateways whose overrides need a claim, as VirtualServices name them.
func softGateways(snapshot *model.Snapshot, claim *v1alpha1.RequiredClaim) []string {
	var out []string
	for i := range snapshot.Gateways {
		if g := &snapshot.Gateways[i]; g.Soft == claim {
			out = append(out, g.Namespace+"/"+g.Name)
		}
	}
	return out
}

// isHard reports whether a VirtualService is for one of some gateways, and has rows for requests
// with an override that do not ask for a claim. One that only pins has none.
func isHard(object []byte, gateways []string, carrier, claim string) bool {
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
			if _, asks := m.WithoutHeaders["@request.auth.claims["+claim+"]"]; asks {
				return false
			}
			_, header := m.Headers[carrier]
			_, baggage := m.Headers[grammar.BaggageHeader]
			rows = rows || header || baggage
		}
	}
	return rows
}
