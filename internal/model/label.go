package model

// HasLabels reports whether labels has every pair of subset, as a selector asks.
func HasLabels(labels, subset map[string]string) bool {
	for key, value := range subset {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}
