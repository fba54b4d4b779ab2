package edge

import (
	"errors"
	"fmt"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// maxClaimRules is how many rules there are at most: each doubles the matches of a route.
const maxClaimRules = 4

// validateClaims returns all reasons why routes can't ask for the rules for claims.
func (r *Request) validateClaims() error {
	c := r.Claims
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Require != nil || r.Provider != "" {
		refuse("claims are a guard: neither a required claim nor an external authorizer is possible beside them")
	}
	if r.GatewayAPI {
		refuse("claims are not possible for Gateways of the Gateway API, whose HTTPRoutes can't match them: use header Token, or require with mode Hard")
	}
	if c.Issuer == "" {
		refuse("claims need the issuer of the tokens")
	}
	if len(c.Rules) == 0 || len(c.Rules) > maxClaimRules {
		refuse("there are %d rules for claims, and 1 to %d are possible", len(c.Rules), maxClaimRules)
	}
	var globs []grammar.Glob
	values := map[string][]string{}
	for i := range c.Rules {
		rule := &c.Rules[i]
		if err := checkRule(rule); err != nil {
			refuse("rule %d for claims: %w", i+1, err)
		}
		globs = append(globs, model.GlobsOf(rule)...)
		values[rule.Claim] = append(values[rule.Claim], rule.Values...)
		if n := len(model.ClaimPattern(values[rule.Claim])); n > grammar.MaxPatternBytes {
			refuse("the values of the claim %s need a pattern of %d bytes, and proxies accept %d: write fewer, or shorter ones", rule.Claim, n, grammar.MaxPatternBytes)
		}
	}
	if err := grammar.CheckGlobs(globs); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func checkRule(rule *v1alpha1.ClaimRule) error {
	switch {
	case !isClaim(rule.Claim):
		return fmt.Errorf("%q is not the name of a claim", rule.Claim)
	case !areValues(rule.Values):
		return errors.New(`it needs values, without "*"`)
	case len(rule.Overrides) == 0:
		return errors.New(`it permits no override: write *:* for all`)
	}
	for _, text := range rule.Overrides {
		if _, err := grammar.ParseGlob(text); err != nil {
			return err
		}
	}
	return nil
}

const claimFilter = "overrides.claims"

// askedFor returns the filter that removes the override header from requests whose route is none
// of Overrides, so that nobody has asked for claims: after the route is known, and before the
// request goes on. The name of a route's VirtualService is in its metadata (istiod:
// BuildConfigInfoMetadata). Where it is missing, the expression is an error, and its text empty.
//
// Envoy makes no change of a header depend on a condition, so the header is copied under another
// name, removed, and copied back.
func askedFor(carrier string) (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	kept := carrier + "-permitted"
	isOurs := ` && xds.route_metadata.filter_metadata["istio"]["config"].endsWith(` + quoted(compile.ObjectSuffix) + `)`
	remove := func(header string) *mutationv3.HeaderMutation {
		return (&mutation{header: header, action: remove}).encode()
	}
	copied := func(from, to, condition string) *mutationv3.HeaderMutation {
		return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{
				Key: to, Value: "%CEL(" + quoted(from) + " in request.headers" + condition + " ? request.headers[" + quoted(from) + `] : "")%`,
			},
			AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
		}}}
	}
	config := &headerv3.HeaderMutation{Mutations: &headerv3.Mutations{RequestMutations: []*mutationv3.HeaderMutation{
		remove(kept), copied(carrier, kept, isOurs), remove(carrier), copied(kept, carrier, ""), remove(kept),
	}}}
	return HTTPFilter(istioapi.EnvoyFilter_GATEWAY, claimFilter, config, router)
}
