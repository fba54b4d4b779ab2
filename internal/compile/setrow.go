package compile

import (
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// inSet is the condition of rows of sets: none.
var inSet = condition{set: true}

// sets adds the rows that take requests for sets of versions along the i-th route. They are
// behind all rows for members that name one of its Services, since such a member wins over
// a set: also if it is strict and can't be served.
//
// A strict set is due for every version that a Service has. If the version can serve, an
// earlier row takes the request, unless that row is not in place yet.
func (b *builder) sets(i int, targets []*service) {
	for _, t := range targets {
		b.names = b.rowNamesOf(i, t)
		for j := range t.versions {
			if v := &t.versions[j]; v.routable() {
				b.override(i, t, v, inSet)
			}
		}
	}
	for _, t := range targets {
		b.names = b.rowNamesOf(i, t)
		b.refuse(i, t, inSet, b.admitted(t, b.strictSets(t)))
	}
}

// strictSets are the alternative carriers of a request with a strict set that t is in.
func (b *builder) strictSets(t *service) []route.Match {
	versions := make([]string, len(t.versions))
	for i := range t.versions {
		versions[i] = t.versions[i].name
	}
	patterns := grammar.Service{Name: t.Name, Namespace: t.Namespace}.StrictSetPatterns(versions)
	out := make([]route.Match, len(patterns))
	for i, pattern := range patterns {
		out[i] = inSet.carrier(b.ix.options.Header, pattern)
	}
	return out
}
