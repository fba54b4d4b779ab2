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

// LabelString writes labels as "KEY=VALUE," for each, in order: the same for equal
// labels only.
func LabelString(labels map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(key + "=" + labels[key] + ",")
	}
	return b.String()
}
