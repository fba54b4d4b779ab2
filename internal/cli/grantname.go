package cli

import (
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// maxPrefixBytes is the maximum length of the part of a grant's name that says what it is for.
const maxPrefixBytes = 40

// namePrefix returns a generateName for a grant of some members: "checkout-v2-" for
// "checkout:v2", "pr-118-" for the set "*:pr-118".
func namePrefix(members []grammar.Member) string {
	var parts []string
	for _, m := range members {
		if !m.IsSet() {
			parts = append(parts, m.Service)
		}
		parts = append(parts, m.Version)
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(strings.Join(parts, "-")))
	name = strings.Trim(name[:min(len(name), maxPrefixBytes)], "-")
	return name + "-"
}
