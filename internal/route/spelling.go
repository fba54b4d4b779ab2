package route

import (
	"slices"
	"strings"
)

// The matchers of a [Match] for headers have the name of the header in some
// spelling. Istio's HTTPMatchRequest has one entry for each spelling, too, and
// Istio gives Envoy a matcher for each (pilot/pkg/networking/core/route:
// TranslateRouteMatch); Envoy compares names of headers without case. So a match
// asks two things of one header by naming it twice:
//
//	headers:
//	  baggage: {regex: ".*tenant=a.*"}
//	  Baggage: {regex: ".*override\\.cart=v2.*"}

// Mentions reports whether m has a condition on a header, in any spelling.
func (m *Match) Mentions(header string) bool {
	for _, matchers := range []Matchers{m.Headers, m.WithoutHeaders} {
		for i := range matchers {
			if strings.EqualFold(matchers[i].Name, header) {
				return true
			}
		}
	}
	return false
}

// Fold returns matchers with the names of headers in lower case, if a header is named
// once. A header that is named in several spellings keeps them.
func Fold(matchers Matchers) Matchers {
	times := map[string]int{}
	for i := range matchers {
		times[strings.ToLower(matchers[i].Name)]++
	}
	var out Matchers
	for _, m := range matchers {
		if lower := strings.ToLower(m.Name); times[lower] == 1 {
			m.Name = lower
		}
		out = out.with(m)
	}
	return out
}

// freeSpelling returns a spelling of a header's name that is not in taken: unchanged, or
// as HTTP/1 writes it, or with other letters in upper case. It returns "" if there is
// none, as for names without letters. For pseudo-headers (":path") Istio accepts only one
// spelling.
func freeSpelling(name string, taken Matchers) string {
	free := func(spelling string) bool {
		_, there := taken.find(spelling)
		return !there
	}
	if free(name) {
		return name
	}
	if strings.HasPrefix(name, ":") {
		return ""
	}
	lower := strings.ToLower(name)
	for _, spelling := range []string{lower, canonical(lower)} {
		if free(spelling) {
			return spelling
		}
	}
	letters := lettersOf(lower)
	// Each spelling in taken excludes one, so one more is enough.
	for mask := range min(1<<min(len(letters), 30), len(taken)+1) {
		spelling := []byte(lower)
		for i, at := range letters {
			if mask&(1<<i) != 0 {
				spelling[at] -= 'a' - 'A'
			}
		}
		if free(string(spelling)) {
			return string(spelling)
		}
	}
	return ""
}

// canonical returns a lower-case name with the first letter of each part in upper
// case, as in "X-Env".
func canonical(lower string) string {
	out := []byte(lower)
	for _, at := range lettersOf(lower) {
		if at == 0 || out[at-1] == '-' {
			out[at] -= 'a' - 'A'
		}
	}
	return string(out)
}

// lettersOf returns where the letters of a lower-case name are.
func lettersOf(lower string) []int {
	var out []int
	for i := range len(lower) {
		if 'a' <= lower[i] && lower[i] <= 'z' {
			out = append(out, i)
		}
	}
	return out
}

// WithHeaders returns m with n conditions on headers, of which those that it has not are on a
// header that it requires already, under other spellings: they hold for the same requests. It
// returns false if the name has no spelling left.
func (m Match) WithHeaders(name string, n int) (Match, bool) {
	m.Headers = slices.Clone(m.Headers)
	for len(m.Headers) < n {
		spelling := freeSpelling(name, m.Headers)
		if spelling == "" {
			return m, false
		}
		m.Headers = m.Headers.with(Matcher{spelling, StringMatch{Op: Regex, Value: AnyValue}})
	}
	return m, true
}

// AnyValue is the pattern of every value.
const AnyValue = ".*"
