package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Cost says what the first installation of a filter costs, and each change of it.
const Cost = "applying the EnvoyFilter for the first time, or changed, cuts requests through these gateway pods that are longer than Istio's drain time (45s by default), such as streams and WebSockets; applying it unchanged does nothing"

// Entry is what a policy of a Gateway means.
type Entry struct {
	Policy *model.GatewayPolicy
	// Reason says whether the policy applies to its target, as the condition Accepted does.
	Reason string
	Output
}

// IsAccepted reports whether the policy applies to its target.
func (e *Entry) IsAccepted() bool { return e.Reason == v1alpha1.PolicyReasonAccepted }

// Decide decides what the policies of a snapshot mean, by precedence. An error is a bug.
func Decide(snapshot *model.Snapshot) ([]Entry, error) {
	made := map[diag.Object]*model.GatewayPolicy{}
	out := make([]Entry, len(snapshot.GatewayPolicies))
	for i := range snapshot.GatewayPolicies {
		e := &out[i]
		e.Policy = &snapshot.GatewayPolicies[i]
		if err := e.decide(snapshot); err != nil {
			return nil, err
		}
		for _, o := range e.Objects {
			if other := made[o.Object]; other != nil {
				e.refuse(v1alpha1.PolicyReasonConflicted, diag.EdgePolicyConflict, "%s makes %s, which this policy would make, too", other.Object(), o.Object)
				break
			}
		}
		for _, o := range e.Objects {
			made[o.Object] = e.Policy
		}
	}
	for i := range out {
		out[i].reportOpen(snapshot, out)
	}
	return out, nil
}

// decide decides what one policy means. One with invalid fields removes overrides only.
func (e *Entry) decide(snapshot *model.Snapshot) error {
	p := e.Policy
	request, invalid := RequestOf(p, &snapshot.Options)
	switch {
	case !hasTarget(snapshot, p):
		e.refuse(v1alpha1.PolicyReasonTargetNotFound, diag.EdgePolicyTargetNotFound, "there is no Gateway %s/%s of the group %s", p.Namespace, p.Spec.TargetRef.Name, p.Spec.TargetRef.Group)
		return nil
	case p.NotPermitted:
		e.refuse(v1alpha1.PolicyReasonRefNotPermitted, diag.EdgeNotPermitted, "the pods of Gateway %s are in other namespaces, and none of these permits policies of %s", p.Spec.TargetRef.Name, p.Namespace)
		return nil
	case p.Older.Name != "":
		e.refuse(v1alpha1.PolicyReasonConflicted, diag.EdgePolicyConflict, "%s, which %s, is for the same Gateway or the same pods", p.Older, precedence(snapshot, p))
		return nil
	case invalid != nil:
		e.refuse(v1alpha1.PolicyReasonInvalid, diag.EdgePolicyInvalid, "%s", strings.ReplaceAll(invalid.Error(), "\n", "; "))
		closed, err := Make(snapshot, closedRequest(p))
		closed.Closed, closed.Diagnostics = true, diag.Sort(append(closed.Diagnostics, e.Diagnostics...))
		e.Output = closed
		return err
	}
	made, err := Make(snapshot, request)
	e.Reason, e.Output = v1alpha1.PolicyReasonAccepted, made
	if err != nil || made.Filter != nil || p.Implied() || !snapshot.Options.GatewayDefault.Strip {
		return err
	}
	closed, err := Make(snapshot, closedRequest(p)) // as by default
	closed.Closed, closed.Diagnostics = true, made.Diagnostics
	e.Output = closed
	return err
}

// closedRequest asks for a filter that only removes overrides.
func closedRequest(p *model.GatewayPolicy) *Request {
	return &Request{By: p.Object(), Gateway: p.Spec.TargetRef.Name, Namespace: p.Namespace, GatewayAPI: p.ForGatewayAPI(), Policy: Strip}
}

// precedence says why another policy is in force instead of p.
func precedence(snapshot *model.Snapshot, p *model.GatewayPolicy) string {
	at := slices.IndexFunc(snapshot.GatewayPolicies, func(q model.GatewayPolicy) bool { return q.Object() == p.Older })
	if at >= 0 && snapshot.GatewayPolicies[at].Created.Equal(p.Created) {
		return "is the first by name"
	}
	return "is older"
}

// hasTarget reports whether the Gateway of a policy is known.
func hasTarget(snapshot *model.Snapshot, p *model.GatewayPolicy) bool {
	if p.ForGatewayAPI() {
		return slices.ContainsFunc(snapshot.KubernetesGateways, func(g model.KubernetesGateway) bool {
			return g.Namespace == p.Namespace && g.Name == p.Spec.TargetRef.Name
		})
	}
	return slices.ContainsFunc(snapshot.Gateways, func(g model.Gateway) bool { return g.Namespace == p.Namespace && g.Name == p.Spec.TargetRef.Name })
}

func (e *Entry) refuse(reason string, code diag.Code, format string, args ...any) {
	e.Reason, e.Output = reason, Output{Diagnostics: []diag.Diagnostic{diag.New(code, e.Policy.Object(), format, args...).At(e.Policy.Origin)}}
}

// RequestOf returns what a policy asks for. It refuses what the API server refuses, since
// manifests have not been there.
func RequestOf(p *model.GatewayPolicy, options *model.Options) (*Request, error) {
	spec := p.Spec
	out := &Request{
		By: p.Object(), Gateway: spec.TargetRef.Name, Namespace: p.Namespace, GatewayAPI: p.ForGatewayAPI(),
		Policy: Policy(spec.Header), Claims: spec.Claims, Require: spec.Require, Link: spec.Link != nil && *spec.Link,
	}
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if spec.TargetRef.Kind != "Gateway" || spec.TargetRef.Group != "networking.istio.io" && !out.GatewayAPI {
		refuse("spec.targetRef: only Gateways can be targeted: kind Gateway, group networking.istio.io or %s", model.GatewayAPIGroup)
	}
	switch out.Policy {
	case "":
		out.Policy = Strip
	case Strip, Trust, Token, Claim:
	default:
		refuse("spec.header: %q is none of %s, %s, %s and %s", out.Policy, Strip, Trust, Token, Claim)
	}
	if out.Policy == Claim && spec.Follow != nil && !*spec.Follow {
		refuse("spec.follow: the routes of a gateway that follows overrides ask for claims: it must not be false")
	}
	if spec.Token != nil {
		var err error
		if out.Tokens, err = tokensOf(spec.Token, options); err != nil {
			refuse("spec.token: %w", err)
		}
	}
	for i, h := range spec.PreviewHosts {
		host, err := NewPreviewHost(h.Host, h.For)
		if err != nil {
			refuse("spec.previewHosts[%d]: %w", i, err)
		}
		out.PreviewHosts = append(out.PreviewHosts, host)
	}
	if spec.Cookie != nil {
		out.Cookie = *spec.Cookie
	}
	if spec.ExtAuthz != nil {
		if out.Provider = spec.ExtAuthz.Provider; out.Provider == "" {
			refuse("spec.extAuthz.provider is missing")
		}
	}
	if err := out.Validate(); err != nil {
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// Validate returns an error if the parts of a request don't fit together.
func (r *Request) Validate() error {
	var errs []error
	if err := CheckPreviewHosts(r.PreviewHosts); err != nil {
		errs = append(errs, err)
	}
	if r.Cookie != "" {
		errs = append(errs, ValidateCookie(r.Cookie))
	} else if r.Link {
		errs = append(errs, errors.New("links need a cookie: they set it"))
	}
	if (r.Policy == Token) != (r.Tokens != nil) {
		errs = append(errs, errors.New("the policy Token needs to know which tokens are valid, and the other policies take no tokens"))
	}
	if r.Tokens != nil {
		errs = append(errs, r.Tokens.validate())
		if r.Cookie != "" || r.Link || len(r.PreviewHosts) > 0 {
			errs = append(errs, errors.New("with tokens, only these ask for versions: no preview hosts, and no other cookie"))
		}
	}
	if (r.Policy == Claim) != (r.Claims != nil) {
		errs = append(errs, errors.New("the policy Claim needs the rules for claims, and the other policies take none"))
	}
	if r.Claims != nil {
		errs = append(errs, r.validateClaims())
	}
	if r.Require != nil {
		if r.Provider != "" {
			errs = append(errs, errors.New("a required claim and an external authorizer exclude each other"))
		}
		errs = append(errs, validateClaim(r.Require))
		if r.GatewayAPI && r.Require.Mode == v1alpha1.GuardSoft {
			errs = append(errs, errors.New("a soft guard is not possible for Gateways of the Gateway API, which have no companions: use mode Hard"))
		}
	}
	return errors.Join(errs...)
}

func validateClaim(c *v1alpha1.RequiredClaim) error {
	switch {
	case c.Issuer == "":
		return errors.New("the required claim needs an issuer")
	case !isClaim(c.Claim):
		return fmt.Errorf("%q is not the name of a claim", c.Claim)
	case !areValues(c.Values):
		return errors.New("the required claim needs values, without \"*\"")
	case c.Mode != "" && c.Mode != v1alpha1.GuardHard && c.Mode != v1alpha1.GuardSoft:
		return fmt.Errorf("%q is neither %s nor %s", c.Mode, v1alpha1.GuardHard, v1alpha1.GuardSoft)
	}
	return nil
}

func isClaim(name string) bool { return name != "" && !strings.ContainsAny(name, "[]*@") }

func areValues(values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return v == "" || strings.Contains(v, "*") })
}
