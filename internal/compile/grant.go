package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Proxies that check tokens put the ID of a valid token into a header. That of a grant counts
// only while the grant is live, and rows list the IDs of the live ones. So what ends a grant is
// that its ID is no longer listed: nothing has to be remembered until its tokens expire, and a
// list that is not complete refuses too much, never too little.

// maxGrantBytes is how much of an object the IDs of grants may take: about 10,000 in a table
// of three routes, or 1,000 in one of thirty.
const maxGrantBytes = 400_000

// deadGrants matches requests with an override and the token of a grant that is none of the
// live ones. A request with several tokens, of which one is of a grant, is one of these:
// proxies join their IDs with a comma.
func deadGrants(header string, live []string) route.Match {
	id := grammar.TokenIDHeader(header)
	out := route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{
		header: {Op: route.Present},
		id:     {Op: route.Regex, Value: grammar.AnyGrantPattern},
	})}
	for _, pattern := range grammar.GrantPatterns(live, grammar.MaxPatternBytes) {
		// A name has more spellings than there are patterns.
		out, _ = out.And(route.Match{WithoutHeaders: route.Matchers{{Name: id, StringMatch: route.StringMatch{Op: route.Regex, Value: pattern}}}})
	}
	return out
}

// listIDs returns the sorted IDs of the oldest of some grants, which are sorted by age, of which
// lists take at most some bytes. It returns false if there are more.
func listIDs(grants []model.OverrideGrant, most int) (ids []string, all bool) {
	for i := range grants {
		id := grants[i].ID
		if !grammar.IsGrantID(id) {
			continue // no token of a grant has it
		}
		if most -= len(id) - len(grammar.GrantPrefix) + 1; most < 0 {
			return slices.Sorted(slices.Values(ids)), false
		}
		ids = append(ids, id)
	}
	return slices.Sorted(slices.Values(ids)), true
}

// withoutGrants adds the rows, in front of those of overrides, for requests with the token of a
// grant that is not live: they take the user's routes as ordinary requests do, and lose some
// headers. from matches the callers, nil for all; grants are those whose tokens the table follows,
// sorted by age.
func (b *builder) withoutGrants(from []route.Match, grants []model.OverrideGrant, lost []string) {
	matches := 0
	for i := range b.routes {
		matches += max(1, len(b.routes[i].matches)) * max(1, len(from))
	}
	live, all := listIDs(grants, maxGrantBytes/max(1, matches))
	b.table.Grants = &route.Grants{IDs: live}
	if !all {
		b.r.add(diag.New(diag.TooManyGrants, diag.Object{Kind: "VirtualService", Namespace: b.table.Namespace, Name: b.table.Name},
			"%d grants are live, and the routes have room for the %d oldest: tokens of the others are not followed", len(grants), len(live)))
	}
	dead := conjunctions(from, []route.Match{deadGrants(b.ix.options.Header, live)})
	for i := range b.routes {
		b.withoutOverride(i, dead, lost)
	}
}

// tokenHeaders are the headers that requests lose with the token of a grant that is not live.
func (b *builder) tokenHeaders() []string {
	header := b.ix.options.Header
	return []string{header, grammar.TokenHeader(header), grammar.TokenIDHeader(header)}
}

// At Kubernetes Gateways, where no row can say what an ID is not, rows with overrides ask for that of
// a live grant, or of no grant.
const (
	// maxHeaderPattern is the length of a pattern for a header in an HTTPRoute.
	maxHeaderPattern = 4096
	// maxGrantMatches is how many patterns there are at most: about 1,200 IDs. Ordinary requests
	// pass all of them.
	maxGrantMatches = 4
)

// followedIDs matches requests with the token of a live grant, or of none. It returns the IDs of
// the grants, and whether these are all.
func followedIDs(header string, grants []model.OverrideGrant) (out []route.Match, ids []string, all bool) {
	ids, all = listIDs(grants, maxGrantMatches*(maxHeaderPattern-len(grammar.OfflinePattern)-16))
	patterns := grammar.GrantPatterns(ids, maxHeaderPattern-len(grammar.OfflinePattern)-1)
	if len(patterns) == 0 {
		patterns = []string{""}
	}
	for i, pattern := range patterns {
		if i == 0 {
			pattern = strings.TrimSuffix(grammar.OfflinePattern+"|"+pattern, "|")
		}
		out = append(out, route.Match{Headers: route.Matchers{{Name: grammar.TokenIDHeader(header), StringMatch: route.StringMatch{Op: route.Regex, Value: pattern}}}})
	}
	return out, ids, all
}

// divideByTokens takes the gateways away from an HTTPRoute that take overrides from tokens, if others
// don't: rows ask for tokens or they don't.
func (x *attacher) divideByTokens(r *model.HTTPRoute, to *route.Attachment) {
	byToken := func(p route.Parent) bool { return x.ix.kubernetesGateway(&p).Tokens }
	if len(to.Parents) == 0 || !slices.ContainsFunc(to.Parents, byToken) {
		return
	}
	if all := filter(to.Parents, byToken); len(all) == len(to.Parents) {
		x.tokens[r] = true
		return
	}
	to.Parents = slices.DeleteFunc(to.Parents, func(p route.Parent) bool {
		if byToken(p) {
			x.refused[r] = cmp.Or(x.refused[r], fmt.Sprintf("%s %s/%s takes overrides from tokens, and other gateways of %s don't: write an HTTPRoute for each", p.Kind, p.Namespace, p.Name, r.Object()))
		}
		return byToken(p)
	})
}

// askForToken lets rows of an HTTPRoute count only for requests whose token counts, where overrides come
// from tokens.
func (x *attacher) askForToken(of *model.HTTPRoute, rows [][]route.Route) {
	if !x.tokens[of] {
		return
	}
	if x.grants == nil {
		x.listGrants()
	}
	for _, tier := range rows {
		for i := range tier {
			tier[i].Matches = conjunctions(tier[i].Matches, x.withToken)
		}
	}
}

// listGrants lists the grants whose tokens rows ask for.
func (x *attacher) listGrants() {
	x.grants = &route.Grants{}
	var all bool
	x.withToken, x.grants.IDs, all = followedIDs(x.ix.options.Header, x.ix.liveGrants())
	if !all {
		x.r.add(diag.New(diag.TooManyGrants, diag.Object{}, "%d grants are live, and HTTPRoutes have room for the %d oldest: Kubernetes Gateways follow no token of the others", len(x.ix.liveGrants()), len(x.grants.IDs)))
	}
}
