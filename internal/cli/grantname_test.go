package cli

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// TestNamePrefix: names say what is asked for, and the API server accepts them.
func TestNamePrefix(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"*:pr-118":                       "pr-118-",
		"checkout:v2":                    "checkout-v2-",
		"checkout.shop:v2, *.web:PR_1.2": "checkout-v2-pr-1-2-",
		"a-service-with-a-long-name:a-version-with-a-long-name": "a-service-with-a-long-name-a-version-wit-",
		"a-service-with-a-long-name-and-more-to-it:v2":          "a-service-with-a-long-name-and-more-to-i-",
	} {
		members, err := grammar.Parse(header)
		if err != nil {
			t.Fatal(err)
		}
		got := namePrefix(members)
		if got != want {
			t.Errorf("%s: got %s, want %s", header, got, want)
		}
		if problems := validation.NameIsDNSSubdomain(got, true); len(problems) > 0 {
			t.Errorf("%s: %v", got, problems)
		}
	}
}
