// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"slices"
	"strings"
)

// repaired returns the member that a malformed one most likely means: with ":" instead of
// "=", in lower case, and without quotes and forbidden white space. It returns "" if the
// result is not a member either.
func repaired(text string) string {
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		text = trim(strings.TrimSuffix(inner, `"`))
	}
	head, rest, more := strings.Cut(text, ";")
	if !strings.Contains(head, ":") {
		head = strings.Replace(head, "=", ":", 1)
	}
	name, version, _ := strings.Cut(head, ":")
	var out strings.Builder
	out.WriteString(strings.ToLower(trim(name)) + ":" + trim(version))
	for more {
		var parameter string
		parameter, rest, more = strings.Cut(rest, ";")
		key, value, valued := strings.Cut(parameter, "=")
		out.WriteString(";" + strings.ToLower(trim(key)))
		if valued {
			out.WriteString("=" + trim(value))
		}
	}
	if _, err := parseMember(out.String()); err != nil {
		return ""
	}
	return out.String()
}

// IgnoredParameters reports the overrides in baggage with a property that would be a
// parameter in the override header: strict, from, or method. [ParseBaggage] ignores all
// properties. The arguments are the values of all lines of the header.
func IgnoredParameters(values ...string) []*Error {
	var out []*Error
	for w := (walk{}); w.next(values); {
		if !ownsBaggage(w.text) {
			continue
		}
		for i, property := range strings.Split(w.text, ";") {
			key, _, _ := strings.Cut(trim(property), "=")
			if key = trim(key); i > 0 && slices.Contains([]string{"from", "method", "strict"}, key) {
				out = append(out, &Error{Member: w.number, Offset: w.start, Text: w.text, Reason: key + " has no meaning in baggage and is ignored"})
			}
		}
	}
	return out
}

// Contradiction is a pair of members, one in each carrier, for the same calls with
// different versions.
type Contradiction struct{ Header, Baggage Member }

// Contradictions lists, in order, the members of the override header that members of
// baggage contradict.
func Contradictions(header, baggage []Member) []Contradiction {
	var out []Contradiction
	for _, h := range header {
		for _, b := range baggage {
			if h.subject() == b.subject() && h.Version != b.Version {
				out = append(out, Contradiction{Header: h, Baggage: b})
			}
		}
	}
	return out
}
