package model

import (
	"maps"
	"slices"
	"strings"
)

// RolloutHash is the label that Argo Rollouts adds to the selectors of Services.
const RolloutHash = "rollouts-pod-template-hash"

// HasLabels reports whether labels has every pair of subset, like a selector.
func HasLabels(labels, subset map[string]string) bool {
	for key, value := range subset {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// FirstWithLabels returns the first of backends that has every pair of labels; nil if
// none has.
func FirstWithLabels(backends []Backend, labels map[string]string) *Backend {
	// Iterating over a map is slow, so it is done once.
	pairs := make([][2]string, 0, 8)
	for key, value := range labels {
		pairs = append(pairs, [2]string{key, value})
	}
	for i := range backends {
		lacks := func(p [2]string) bool { got, ok := backends[i].Labels[p[0]]; return !ok || got != p[1] }
		if !slices.ContainsFunc(pairs, lacks) {
			return &backends[i]
		}
	}
	return nil
}

// LabelString writes labels as "KEY=VALUE," each, in order: equal labels have the same
// text, others don't.
func LabelString(labels map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(key + "=" + labels[key] + ",")
	}
	return b.String()
}

// LowerLabel returns s in lower case with every other character than letters of
// ASCII and digits as "-", and none of these at its ends.
func LowerLabel(s string) string {
	mapped := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s)
	return strings.Trim(mapped, "-")
}
