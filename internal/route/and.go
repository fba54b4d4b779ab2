package route

import (
	"maps"
	"slices"
	"strings"
)

// And returns the match for requests that fit both m and n. The result may share maps
// with them, which nobody changes. And returns false if no request fits both, or if the
// conjunction has no representation: a match has one matcher for the path, the method and
// each query parameter, so two different ones can be joined only if one implies the
// other. Of headers both matchers are kept if necessary, see [joinHeaders].
func (m Match) And(n Match) (Match, bool) {
	out := m
	ok := true
	keep := func(good bool) { ok = ok && good }

	out.URI, out.IgnoreURICase = m.URI, m.IgnoreURICase
	if n.URI != nil {
		keep(m.URI == nil)
		out.URI, out.IgnoreURICase = n.URI, n.IgnoreURICase
	}
	for _, f := range []struct {
		dst        **StringMatch
		mine, more *StringMatch
	}{
		{&out.Scheme, m.Scheme, n.Scheme},
		{&out.Method, m.Method, n.Method},
		{&out.Authority, m.Authority, n.Authority},
	} {
		joined, good := bothPointers(f.mine, f.more)
		keep(good)
		*f.dst = joined
	}
	keep(joinHeaders(&out.Headers, m.Headers, n.Headers, both))
	keep(joinHeaders(&out.WithoutHeaders, m.WithoutHeaders, n.WithoutHeaders, neither))
	keep(join(&out.QueryParams, m.QueryParams, n.QueryParams, func(a, b StringMatch) (StringMatch, bool) {
		joined, how := both(a, b)
		return joined, how == asOne
	}))
	keep(join(&out.SourceLabels, m.SourceLabels, n.SourceLabels, equal[string]))
	var good bool
	out.SourceNamespace, good = eitherOrEqual(m.SourceNamespace, n.SourceNamespace)
	keep(good)
	out.Port, good = eitherOrEqual(m.Port, n.Port)
	keep(good)
	return out, ok
}

// join writes the union of a and b to dst, with resolve deciding on keys of both.
func join[V any](dst *map[string]V, a, b map[string]V, resolve func(V, V) (V, bool)) bool {
	if len(b) == 0 {
		return true
	}
	if len(a) == 0 {
		*dst = b
		return true
	}
	out := maps.Clone(a)
	*dst = out
	ok := true
	for key, value := range b {
		if mine, shared := a[key]; shared {
			joined, good := resolve(mine, value)
			ok = ok && good
			value = joined
		}
		out[key] = value
	}
	return ok
}

// relation says how two matchers of one value are combined.
type relation int

const (
	// asOne means that a single matcher is equivalent.
	asOne relation = iota
	// apart means that both of them are needed.
	apart
	// never means that no value fits both.
	never
)

// joinHeaders writes the conjunction of a and b to dst. Two matchers of one header
// without an equivalent single one are both kept, under two spellings of its name. It
// returns false if nothing fits both, or the name has no spelling left.
func joinHeaders(dst *map[string]StringMatch, a, b map[string]StringMatch, resolve func(a, b StringMatch) (StringMatch, relation)) bool {
	if len(b) == 0 {
		return true
	}
	if len(a) == 0 {
		*dst = b
		return true
	}
	out := maps.Clone(a)
	*dst = out
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if !addHeader(out, name, b[name], resolve) {
			return false
		}
	}
	return true
}

func addHeader(to map[string]StringMatch, name string, match StringMatch, resolve func(a, b StringMatch) (StringMatch, relation)) bool {
	at := ""
	for _, spelling := range slices.Sorted(maps.Keys(to)) {
		if !strings.EqualFold(spelling, name) {
			continue
		}
		switch joined, how := resolve(to[spelling], match); how {
		case never:
			return false
		case asOne:
			if at == "" {
				at, match = spelling, joined
			}
		case apart:
		}
	}
	if at == "" {
		at = freeSpelling(name, to)
	}
	if at == "" {
		return false
	}
	to[at] = match
	return true
}

func equal[V comparable](a, b V) (V, bool) { return a, a == b }

func eitherOrEqual[V comparable](a, b V) (V, bool) {
	var zero V
	if a == zero {
		return b, true
	}
	return a, b == zero || a == b
}

func bothPointers(a, b *StringMatch) (*StringMatch, bool) {
	if a == nil || b == nil {
		if a == nil {
			a = b
		}
		return a, true
	}
	joined, how := both(*a, *b)
	return &joined, how == asOne
}

// both returns the matcher for values that fit a and b.
func both(a, b StringMatch) (StringMatch, relation) {
	switch {
	case a == b || b.Op == Present:
		return a, asOne
	case a.Op == Present:
		return b, asOne
	case a.Op == Exact:
		return a, asOneIf(b.Match(a.Value))
	case b.Op == Exact:
		return b, asOneIf(a.Match(b.Value))
	case a.Op == Prefix && b.Op == Prefix:
		if len(a.Value) < len(b.Value) {
			a, b = b, a
		}
		return a, asOneIf(b.Match(a.Value))
	}
	return a, apart
}

// neither returns the matcher to be absent if both a and b are. If a header that is
// present in any form must be absent, the other matcher sees an empty value.
func neither(a, b StringMatch) (StringMatch, relation) {
	switch {
	case a == b:
		return a, asOne
	case a.Op == Present:
		return a, asOneIf(!b.Match(""))
	case b.Op == Present:
		return b, asOneIf(!a.Match(""))
	}
	return a, apart
}

func asOneIf(possible bool) relation {
	if possible {
		return asOne
	}
	return never
}
