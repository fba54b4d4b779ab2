package compile

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// withoutClaim adds the i-th of the user's routes for requests with an override and without
// the claim that the gateway requires for overrides: they take the route as ordinary requests
// do, and lose the override. So all rows behind these are for requests with the claim.
func (b *builder) withoutClaim(i int) {
	claim := b.draft.soft
	if claim == nil || b.draft.pinOnly {
		return
	}
	header := b.ix.options.Header
	for _, lost := range []struct {
		carrier string
		match   route.StringMatch
		names   []string
	}{
		{grammar.BaggageHeader, route.StringMatch{Op: route.Regex, Value: grammar.AnyBaggagePattern}, []string{header, grammar.BaggageHeader}},
		{header, route.StringMatch{Op: route.Present}, []string{header}},
	} {
		has := []route.Match{{Headers: route.Matchers{{Name: lost.carrier, StringMatch: lost.match}}}}
		b.withoutOverride(i, conjunctions(has, lacksClaim(claim)), lost.names)
	}
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

// lacksClaim matches requests without the claim, or with one of another issuer. Istio matches
// claims of tokens like headers (pkg/jwt: ToRoutingClaim), and a request without a token has
// none.
func lacksClaim(c *v1alpha1.RequiredClaim) []route.Match {
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		values[i] = regexp.QuoteMeta(v)
	}
	slices.Sort(values)
	lacks := func(claim, value string) route.Match {
		return route.Match{WithoutHeaders: route.NewMatchers(map[string]route.StringMatch{
			"@request.auth.claims[" + claim + "]": {Op: route.Regex, Value: value},
		})}
	}
	return []route.Match{lacks(c.Claim, strings.Join(values, "|")), lacks("iss", regexp.QuoteMeta(c.Issuer))}
}

// withoutHeaders returns a user's route that removes headers of requests. A redirect or a
// direct response sends none on.
func withoutHeaders(base *istioapi.HTTPRoute, names []string) *istioapi.HTTPRoute {
	if base.GetRedirect() != nil || base.GetDirectResponse() != nil {
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
