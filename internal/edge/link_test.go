package edge_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/edge"
)

// TestLinkLeadsToTheSamePage: the parameter goes, and everything else stays as it was.
func TestLinkLeadsToTheSamePage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SampledFrom([]string{"/", "/cart", "//evil.com/", "/a/x-override=b"}).Draw(t, "path")
		query := rapid.SliceOfN(rapid.SampledFrom([]string{"a=1", "b", "", "xx-override=v1", "x-override-2=v", "u=/?c", "d=%26"}), 0, 4).Draw(t, "query")
		at := rapid.IntRange(0, len(query)).Draw(t, "at")
		value := rapid.SampledFrom([]string{"", "pr-118", "*:v2", "web:v2~cart:v2", "web%3Av2"}).Draw(t, "value")
		parameter := rapid.SampledFrom([]string{"x-override", "x-override=" + value}).Draw(t, "parameter")
		with := append(append(append([]string{}, query[:at]...), parameter), query[at:]...)
		want := path
		if len(query) > 0 {
			want += "?" + strings.Join(query, "&")
		}
		if got := edge.CutParameter(path+"?"+strings.Join(with, "&"), "x-override"); got != want {
			t.Fatalf("%s?%s leads to %s, want %s", path, strings.Join(with, "&"), got, want)
		}
	})
}

// TestLinkValues: what may be in the cookie is a link, and nothing that breaks a header is.
func TestLinkValues(t *testing.T) {
	t.Parallel()
	whole := regexp.MustCompile("^(?:" + edge.LinkValue + ")$")
	for _, value := range []string{"pr-118", "*:pr-118", "%2A%3Apr-118", "web:v2~cart.shop:v2"} {
		if !whole.MatchString(value) {
			t.Errorf("%s is no link", value)
		}
	}
	for _, value := range []string{"", "a;b", "a b", "a,b", "a%0d%0aset-cookie:x", "a%3Bb", "a\nb", "%", "ä"} {
		if whole.MatchString(value) {
			t.Errorf("%q is a link", value)
		}
	}
}
