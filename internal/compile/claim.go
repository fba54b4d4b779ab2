package compile

import (
	"slices"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// withoutClaims adds the rows, in front of those of overrides, for requests whose user may not ask
// for their override: they take the user's routes as ordinary requests do, and lose the override.
// So all rows behind these are for overrides that the user's claims permit.
func (b *builder) withoutClaims() {
	claims := b.draft.claims
	if claims == nil {
		return
	}
	header := b.ix.options.Header
	inHeader, inBaggage := notPermitted(claims, header)
	if b.draft.pinOnly {
		// The next service follows what it gets. The filter has removed overrides in baggage.
		inHeader, inBaggage = []route.Match{{}}, nil
	}
	for i := range b.routes {
		for _, lost := range []struct {
			carrier string
			match   route.StringMatch
			added   []route.Match
			names   []string
		}{
			{grammar.BaggageHeader, route.StringMatch{Op: route.Regex, Value: grammar.AnyBaggagePattern}, inBaggage, []string{header, grammar.BaggageHeader}},
			{header, route.StringMatch{Op: route.Present}, inHeader, []string{header}},
		} {
			has := []route.Match{{Headers: route.Matchers{{Name: lost.carrier, StringMatch: lost.match}}}}
			b.withoutOverride(i, conjunctions(has, lost.added), lost.names)
		}
	}
}

// permitSome reports whether claims are those of the mode Claim, and not of a soft guard: each rule
// says what it permits.
func permitSome(c *v1alpha1.ClaimRules) bool {
	return c != nil && !slices.ContainsFunc(c.Rules, func(r v1alpha1.ClaimRule) bool { return len(r.Overrides) == 0 })
}

// withoutOverride adds the i-th of the user's routes for some requests with an override, which
// lose some headers.
func (b *builder) withoutOverride(i int, added []route.Match, lost []string) {
	r := &b.routes[i]
	if matches := conjunctions(r.matches, added); len(matches) > 0 {
		b.add(route.Route{
			Name: b.rowName(route.Released, i), Kind: route.Released, Matches: matches,
			Destinations: r.destinations, Base: withoutHeaders(r.base, lost),
		})
	}
}

// notPermitted matches, among requests with an override in one of the carriers, those whose user
// may not ask for it. Users have what all rules together permit whose claim they have. So for each
// set of rules there is a match,
//
//	the user has the claim of no other rule, and some member is not one that these rules permit
//
// of which that for the very rules that the user fulfils decides, since more rules permit more. With
// one rule there are
//
//	without the claim   any override
//	everybody           a member that the rule does not permit; none if it permits everything
//
// and beside these the users of other issuers. In baggage, members can't be told apart: only a rule
// that permits everything counts there.
func notPermitted(c *v1alpha1.ClaimRules, header string) (inHeader, inBaggage []route.Match) {
	for set := range 1 << len(c.Rules) {
		var lacking []v1alpha1.ClaimRule
		var globs []grammar.Glob
		permitsAll := false
		for i := range c.Rules {
			rule := &c.Rules[i]
			if set&(1<<i) == 0 {
				lacking = append(lacking, *rule)
				continue
			}
			permitsAll = permitsAll || len(rule.Overrides) == 0
			globs = append(globs, model.GlobsOf(rule)...)
		}
		if permitsAll {
			continue
		}
		m := lacksClaims(lacking)
		if len(lacking) == 0 {
			inBaggage = nil // what follows is for everybody
		}
		inBaggage = append(inBaggage, m)
		if grammar.CheckGlobs(globs) == nil {
			m, _ = m.And(route.Match{WithoutHeaders: route.Matchers{{Name: header, StringMatch: route.StringMatch{Op: route.Regex, Value: grammar.WithinPattern(globs)}}}})
		}
		inHeader = append(inHeader, m)
	}
	foreign := lacksClaims([]v1alpha1.ClaimRule{{Claim: "iss", Values: []string{c.Issuer}}})
	if last := inBaggage[len(inBaggage)-1]; len(last.WithoutHeaders) > 0 {
		inBaggage = append(inBaggage, foreign)
	}
	return append(inHeader, foreign), inBaggage
}

// lacksClaims matches requests of users with the claim of none of some rules. Istio matches claims
// of tokens like headers (pkg/jwt: ToRoutingClaim), of a list each of its texts, and a request
// without a token has none. A name has one matcher, so rules for one claim share it. Values that
// are too long for a pattern count as lacking.
func lacksClaims(rules []v1alpha1.ClaimRule) route.Match {
	values := map[string][]string{}
	for i := range rules {
		values[rules[i].Claim] = append(values[rules[i].Claim], rules[i].Values...)
	}
	lacks := map[string]route.StringMatch{}
	for claim, list := range values {
		if pattern := model.ClaimPattern(list); grammar.CheckPattern(pattern) == nil {
			lacks["@request.auth.claims["+claim+"]"] = route.StringMatch{Op: route.Regex, Value: pattern}
		}
	}
	return route.Match{WithoutHeaders: route.NewMatchers(lacks)}
}

// withoutHeaders returns a user's route that removes headers of requests. A redirect or a
// direct response sends none on.
func withoutHeaders(base *istioapi.HTTPRoute, names []string) *istioapi.HTTPRoute {
	if len(names) == 0 || base.GetRedirect() != nil || base.GetDirectResponse() != nil {
		return base
	}
	out := &istioapi.HTTPRoute{}
	if base != nil {
		out = proto.CloneOf(base)
	}
	if out.Headers == nil {
		out.Headers = &istioapi.Headers{}
	}
	if out.Headers.Request == nil {
		out.Headers.Request = &istioapi.Headers_HeaderOperations{}
	}
	out.Headers.Request.Remove = append(out.Headers.Request.Remove, names...)
	return out
}
