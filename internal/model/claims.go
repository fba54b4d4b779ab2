package model

import (
	"regexp"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// GlobsOf returns what a rule for claims permits. What is not valid permits nothing.
func GlobsOf(rule *v1alpha1.ClaimRule) []grammar.Glob {
	var out []grammar.Glob
	for _, text := range rule.Overrides {
		if g, err := grammar.ParseGlob(text); err == nil {
			out = append(out, g)
		}
	}
	return out
}

// ClaimPattern matches a text of a claim that is one of some values.
func ClaimPattern(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = regexp.QuoteMeta(v)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "|")
}

// Permitting returns the fewest rules, by their places, that together permit the lines of an
// override header; of equally many, the first. It returns false if all rules don't.
func Permitting(claims *v1alpha1.ClaimRules, header []string) ([]int, bool) {
	var best []int
	found := false
	for set := range 1 << len(claims.Rules) {
		var places []int
		var globs []grammar.Glob
		for i := range claims.Rules {
			if set&(1<<i) != 0 {
				places, globs = append(places, i), append(globs, GlobsOf(&claims.Rules[i])...)
			}
		}
		if (!found || len(places) < len(best)) && len(places) > 0 && grammar.Within(header, globs) {
			best, found = places, true
		}
	}
	return best, found
}
