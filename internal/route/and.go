package route

import (
	"maps"
	"regexp"
)

// And returns the match that fits what both m and n fit. It reports false if
// no request fits both, or if the conjunction can't be said: a match has one
// matcher for each header, so that two different ones can be joined only where
// one implies the other or both are to be absent.
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
	keep(join(&out.Headers, m.Headers, n.Headers, both))
	keep(join(&out.QueryParams, m.QueryParams, n.QueryParams, both))
	keep(join(&out.WithoutHeaders, m.WithoutHeaders, n.WithoutHeaders, neither))
	keep(join(&out.SourceLabels, m.SourceLabels, n.SourceLabels, equal[string]))
	var good bool
	out.SourceNamespace, good = eitherOrEqual(m.SourceNamespace, n.SourceNamespace)
	keep(good)
	out.Port, good = eitherOrEqual(m.Port, n.Port)
	keep(good)
	return out, ok
}

// join writes the union of a and b to dst, with resolve deciding keys of both.
func join[V any](dst *map[string]V, a, b map[string]V, resolve func(V, V) (V, bool)) bool {
	if len(b) == 0 {
		return true
	}
	out := maps.Clone(a)
	if out == nil {
		out = map[string]V{}
	}
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
	joined, ok := both(*a, *b)
	return &joined, ok
}

// both returns the matcher that fits what a and b fit.
func both(a, b StringMatch) (StringMatch, bool) {
	switch {
	case a == b || b.Op == Present:
		return a, true
	case a.Op == Present:
		return b, true
	case a.Op == Exact:
		return a, b.Match(a.Value)
	case b.Op == Exact:
		return b, a.Match(b.Value)
	case a.Op == Prefix && b.Op == Prefix:
		if len(a.Value) < len(b.Value) {
			a, b = b, a
		}
		return a, b.Match(a.Value)
	}
	return a, false
}

// neither returns the matcher to be absent where both a and b are: their
// alternative. Absence of a header that is present in no form leaves the
// other with an empty value.
func neither(a, b StringMatch) (StringMatch, bool) {
	switch {
	case a == b:
		return a, true
	case a.Op == Present:
		return a, !b.Match("")
	case b.Op == Present:
		return b, !a.Match("")
	}
	return StringMatch{Op: Regex, Value: "(?:" + a.Pattern() + ")|(?:" + b.Pattern() + ")"}, true
}

// Pattern returns s as a regular expression. The s flag makes a prefix match
// whatever follows it.
func (s StringMatch) Pattern() string {
	switch s.Op {
	case Exact:
		return regexp.QuoteMeta(s.Value)
	case Prefix:
		return regexp.QuoteMeta(s.Value) + "(?s:.*)"
	case Regex, Present:
	}
	return s.Value
}
