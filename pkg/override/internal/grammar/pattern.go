// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Service is a Service as carriers name it. It builds the patterns for its routes: RE2,
// matched against the whole value of a header whose lines are joined with ",", as Envoy
// does. All names must be valid (ValidateService, ValidateVersion, …); they are quoted,
// never interpreted.
//
// Every pattern is one member between two ends,
//
//	(?:.*,)?[ \t]*  member  (?:,.*)?
//
// so a match begins at the header's beginning or after a comma and ends before a comma or
// at its end: text that only contains the member does not match.
type Service struct {
	// Name is the name of the Service in members. Namespace may follow it, after ".".
	Name, Namespace string
}

// Condition is the condition of a row. Empty fields mean no condition.
type Condition struct{ From, Method string }

// Judged says for which kinds of condition a Service's table has rows. Conditions of
// other kinds are ignored there.
type Judged struct{ From, Method bool }

// AnyBaggagePattern matches a baggage header with an override, for any Service,
// well-formed or not.
const AnyBaggagePattern = `(?:.*,)?[ \t]*override(?:\.|[ \t]*=).*`

// IsMember reports whether a pattern is one of this package for a member of a carrier: of
// [Service.Pattern], [Service.BaggagePattern], [Service.StrictPattern] or one for sets. It
// checks the beginning only.
func IsMember(pattern string) bool { return strings.HasPrefix(pattern, memberBegin) }

// NeedsBaggageOverride recognizes [AnyBaggagePattern] and patterns of
// [Service.BaggagePattern] and [Service.BaggageSetPattern]: every header that matches one of
// them matches [AnyBaggagePattern] as well. It checks the beginning, and that there is no
// alternative.
func NeedsBaggageOverride(pattern string) bool {
	if pattern == AnyBaggagePattern {
		return true
	}
	rest, found := strings.CutPrefix(pattern, memberBegin+quotedBaggagePrefix)
	if !found {
		rest, found = cutBaggageSet(pattern)
	}
	if !found || (rest != "" && strings.ContainsRune("?*+{", rune(rest[0]))) {
		return false
	}
	depth, inClass := 0, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			return false
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

const (
	space       = `[ \t]*`
	memberBegin = `(?:.*,)?` + space
	memberEnd   = `(?:,.*)?`
	anyText     = `[^,;]*`

	fromPrefix   = "from="
	methodPrefix = "method="
	strictWord   = "strict"

	// The pattern of baggagePrefix.
	quotedBaggagePrefix = `override\.`
	// optionalStrict are the parameters of a member without conditions.
	optionalStrict = `(?:;` + space + strictWord + space + `)?`
)

// Pattern matches an override header with a member for this version of s under
// exactly these conditions, parameters in any order, with or without strict.
func (s Service) Pattern(version string, c Condition) string {
	name, open, namespace, end := s.quoted()
	return memberBegin + name + open + namespace + end + ":" + regexp.QuoteMeta(version) + space + orders(c) + memberEnd
}

// BaggagePattern matches a baggage header with a member for this version of s,
// whatever its properties.
func (s Service) BaggagePattern(version string) string {
	name, open, namespace, end := s.quoted()
	return memberBegin + quotedBaggagePrefix + name + open + namespace + end + space + "=" + space +
		regexp.QuoteMeta(version) + space + `(?:;[^,]*)?` + memberEnd
}

// StrictPattern matches an override header with a member for s that is due to be answered
// with 503 at the row for c, if no version took the request. [StrictDue] defines which
// members are due.
func (s Service) StrictPattern(j Judged, c Condition) string {
	var own, refused []string // parameters of the row; beginnings of parameters that it excludes
	if j.From {
		refused = append(refused, fromPrefix)
		if c.From != "" {
			own = append(own, space+fromPrefix+regexp.QuoteMeta(c.From)+space)
		}
	}
	if j.Method {
		refused = append(refused, methodPrefix)
		if c.Method != "" {
			own = append(own, space+methodPrefix+regexp.QuoteMeta(c.Method)+space)
		}
	}
	other := `(?:;` + alternatives(append(own, notPrefixed(refused))) + `)*`
	name, open, namespace, end := s.quoted()
	return memberBegin + name + open + namespace + end + `:[^,;]+` + other + parameter(strictWord) + other + memberEnd
}

// CheckPattern returns an error if a proxy would not accept the pattern: it is empty,
// longer than [MaxPatternBytes], or not a regular expression.
func CheckPattern(pattern string) error {
	if pattern == "" {
		return errors.New("empty pattern")
	}
	if len(pattern) > MaxPatternBytes {
		return fmt.Errorf("pattern has %d bytes, %d are allowed", len(pattern), MaxPatternBytes)
	}
	// Matching the whole value puts the pattern into a group, and a regular expression
	// remains one inside a group.
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return fmt.Errorf("pattern %s: %w", quote(pattern), err)
	}
	return nil
}

// quoted returns the parts of a pattern for the names of s, with or without its
// namespace. Patterns are built in one step: there are two for each version of each
// Service.
func (s Service) quoted() (name, open, namespace, end string) {
	if s.Namespace != "" {
		open, namespace, end = `(?:\.`, regexp.QuoteMeta(s.Namespace), `)?`
	}
	return regexp.QuoteMeta(s.Name), open, namespace, end
}

// parameter matches one parameter and the white space around it.
func parameter(text string) string { return ";" + space + regexp.QuoteMeta(text) + space }

// orders matches the parameters of c, each once, and strict at most once, in any order.
func orders(c Condition) string {
	if c == (Condition{}) {
		return optionalStrict
	}
	s := parameter(strictWord)
	f, m := parameter(fromPrefix+c.From), parameter(methodPrefix+c.Method)
	switch {
	case c.Method == "":
		return oneOrder(f, s)
	case c.From == "":
		return oneOrder(m, s)
	}
	// The alternatives depend on what may precede and follow a, so it is written four
	// times, which is the minimum; the shorter b is written six times.
	a, b := f, m
	if len(b) > len(a) {
		a, b = b, a
	}
	around := alternatives([]string{b + optional(s), s + b})
	return alternatives([]string{a + around, around + a, s + a + b, b + a + s})
}

// oneOrder matches a alone, or with s before or after it.
func oneOrder(a, s string) string {
	return alternatives([]string{a + optional(s), s + a})
}

func optional(pattern string) string { return `(?:` + pattern + `)?` }

func alternatives(patterns []string) string { return `(?:` + strings.Join(patterns, `|`) + `)` }

// notPrefixed matches the text of one parameter, with white space around it,
// that begins with none of the prefixes. RE2 has no lookahead, so the
// complement is spelled out: for "from=" it is
//
//	[^f…]…, f[^r]…, fr[^o]…, fro[^m]…, from[^=]…   departs from the prefix
//	nothing, f, fr, fro, from                      ends before it does
//
// The first class excludes white space as well, since otherwise leading white
// space could count as the departure. No two prefixes begin with the same letter.
func notPrefixed(prefixes []string) string {
	if len(prefixes) == 0 {
		return anyText
	}
	var first strings.Builder
	var departs, ends []string
	for _, prefix := range prefixes {
		first.WriteString(prefix[:1])
		for i := 1; i < len(prefix); i++ {
			departs = append(departs, prefix[:i]+`[^,;`+prefix[i:i+1]+`]`)
			ends = append(ends, prefix[:i])
		}
	}
	departs = append([]string{`[^,; \t` + first.String() + `]`}, departs...)
	return space + optional(strings.Join(append([]string{alternatives(departs) + anyText}, ends...), `|`))
}
