package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// enumerate joins names as in "a, b and c", and cuts long lists.
func enumerate(names []string) string { return joined(names, "and") }

// alternatives joins names as in "a, b or c", and cuts long lists.
func alternatives(names []string) string { return joined(names, "or") }

func joined(names []string, word string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" %s %d more", word, len(names)-most)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + word + " " + names[len(names)-1]
}

// agree returns the word that goes with names: one for a single name, else many.
func agree(names []string, one, many string) string {
	if len(names) == 1 {
		return one
	}
	return many
}

// workloadNames names the workloads of pods that are no previews, sorted.
func workloadNames(pods []backend) []string {
	var out []string
	for _, b := range pods {
		if !b.preview {
			out = append(out, b.Workload.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func objectNames(objects []diag.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.String())
	}
	return out
}

// filter returns the elements of a list that are wanted.
func filter[T any](list []T, want func(T) bool) []T {
	var out []T
	for _, x := range list {
		if want(x) {
			out = append(out, x)
		}
	}
	return out
}

// appendNew appends the elements that the list does not have yet.
func appendNew[T comparable](list, more []T) []T {
	for _, x := range more {
		if !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}
