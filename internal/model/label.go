package model

import (
	"maps"
	"slices"
	"strings"
)

// HasLabels reports whether labels has every pair of subset, as a selector asks.
func HasLabels(labels, subset map[string]string) bool {
	for key, value := range subset {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// FirstWithLabels returns the first of backends that has every pair of labels; nil for
// none.
func FirstWithLabels(backends []Backend, labels map[string]string) *Backend {
	// To go through a map takes long, so it is done once.
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

// LabelString writes labels as "KEY=VALUE," for each, in order: the same for equal
// labels only.
func LabelString(labels map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(key + "=" + labels[key] + ",")
	}
	return b.String()
}
