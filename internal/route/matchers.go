package route

import (
	"cmp"
	"slices"
	"strings"
)

// Matchers are conditions on values with names, which must all be fulfilled. They are sorted
// by name, and each name occurs once. A table has tens of thousands of them, nearly all of
// one condition each: a map of one entry takes ten times as much memory.
type Matchers []Matcher

// Matcher is the condition on the value of one name.
type Matcher struct {
	Name string
	StringMatch
}

// NewMatchers returns matchers by their names.
func NewMatchers(byName map[string]StringMatch) Matchers {
	if byName == nil {
		return nil
	}
	out := make(Matchers, 0, len(byName))
	for name, match := range byName {
		out = append(out, Matcher{name, match})
	}
	slices.SortFunc(out, func(a, b Matcher) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Get returns the condition on a name.
func (ms Matchers) Get(name string) (StringMatch, bool) {
	at, found := ms.find(name)
	if !found {
		return StringMatch{}, false
	}
	return ms[at].StringMatch, true
}

func (ms Matchers) find(name string) (int, bool) {
	return slices.BinarySearchFunc(ms, name, func(m Matcher, name string) int { return cmp.Compare(m.Name, name) })
}

// with returns ms with m in place of the condition of its name. It may change ms.
func (ms Matchers) with(m Matcher) Matchers {
	at, found := ms.find(m.Name)
	if found {
		ms[at] = m
		return ms
	}
	return slices.Insert(ms, at, m)
}
