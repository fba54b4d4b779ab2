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
// other. Of headers both matchers are kept if necessary, see [headerJoiner].
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
	var good bool
	out.Headers, good = joinMatchers(m.Headers, n.Headers, headerJoiner(both))
	keep(good)
	out.WithoutHeaders, good = joinMatchers(m.WithoutHeaders, n.WithoutHeaders, headerJoiner(neither))
	keep(good)
	out.QueryParams, good = joinMatchers(m.QueryParams, n.QueryParams, addParam)
	keep(good)
	out.SourceLabels, good = joinLabels(m.SourceLabels, n.SourceLabels)
	keep(good)
	out.SourceNamespace, good = eitherOrEqual(m.SourceNamespace, n.SourceNamespace)
	keep(good)
	out.Port, good = eitherOrEqual(m.Port, n.Port)
	keep(good)
	return out, ok
}

// joinLabels returns the union of a and b, and false if they differ in a value.
func joinLabels(a, b map[string]string) (map[string]string, bool) {
	switch {
	case len(b) == 0:
		return a, true
	case len(a) == 0:
		return b, true
	}
	out := maps.Clone(a)
	ok := true
	for key, value := range b {
		if mine, shared := a[key]; shared && mine != value {
			ok = false
		}
		out[key] = value
	}
	return out, ok
}

// joinMatchers returns the conjunction of a and b, by adding those of b to a. It returns
// false if one of them can't be added.
func joinMatchers(a, b Matchers, add func(to Matchers, m Matcher) (Matchers, bool)) (Matchers, bool) {
	switch {
	case len(b) == 0:
		return a, true
	case len(a) == 0:
		return b, true
	}
	out := slices.Clone(a)
	for _, m := range b {
		var ok bool
		if out, ok = add(out, m); !ok {
			return out, false
		}
	}
	return out, true
}

// addParam adds a matcher of a query parameter. It returns false if the parameter would need
// two matchers.
func addParam(to Matchers, m Matcher) (Matchers, bool) {
	if mine, shared := to.Get(m.Name); shared {
		joined, how := both(mine, m.StringMatch)
		if how != asOne {
			return to, false
		}
		m.StringMatch = joined
	}
	return to.with(m), true
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

// headerJoiner adds matchers of headers. Two matchers of one header without an equivalent
// single one are both kept, under two spellings of its name. It returns false if nothing fits
// both, or the name has no spelling left.
func headerJoiner(resolve func(a, b StringMatch) (StringMatch, relation)) func(Matchers, Matcher) (Matchers, bool) {
	return func(to Matchers, m Matcher) (Matchers, bool) { return addHeader(to, m, resolve) }
}

func addHeader(to Matchers, m Matcher, resolve func(a, b StringMatch) (StringMatch, relation)) (Matchers, bool) {
	at := ""
	for i := range to {
		if !strings.EqualFold(to[i].Name, m.Name) {
			continue
		}
		switch joined, how := resolve(to[i].StringMatch, m.StringMatch); how {
		case never:
			return to, false
		case asOne:
			if at == "" {
				at, m.StringMatch = to[i].Name, joined
			}
		case apart:
		}
	}
	if at == "" {
		at = freeSpelling(m.Name, to)
	}
	if at == "" {
		return to, false
	}
	m.Name = at
	return to.with(m), true
}

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
