package explain_test

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/explain"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"reviews", "ratings", "details", "productpage", "pr-118"}
	for name, want := range map[string]string{
		"reviews":               "reviews",
		"rewiews":               "reviews", // changed
		"review":                "reviews", // left out
		"revieews":              "reviews", // added
		"erviews":               "reviews", // swapped
		"Ratings":               "ratings", // case
		"producpaeg":            "productpage",
		"pr-181":                "pr-118",
		"checkout":              "",
		"":                      "",
		"x":                     "",
		"productpages-and-more": "",
	} {
		if got := explain.Nearest(name, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
