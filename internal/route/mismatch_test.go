package route_test

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/route"
)

// TestMismatch: each field of a match gives a reason with the field, the wanted value and
// the actual one.
func TestMismatch(t *testing.T) {
	t.Parallel()
	exact := func(v string) *route.StringMatch { return &route.StringMatch{Op: route.Exact, Value: v} }
	one := func(name string, op route.Op, value string) route.Matchers {
		return route.Matchers{{Name: name, StringMatch: route.StringMatch{Op: op, Value: value}}}
	}
	request := route.Request{
		Method: "GET", Scheme: "http", Authority: "reviews", Path: "/Api?q=1&w=2", Port: 80,
		Header: map[string][]string{"x": {"this is it"}},
		Caller: route.Caller{Namespace: "shop", Labels: map[string]string{"app": "web"}},
	}
	for _, test := range []struct {
		match route.Match
		want  route.Mismatch
		text  string
	}{
		{route.Match{Port: 81}, route.Mismatch{Field: route.Port, Want: *exact("81"), Got: "80"}, `the port is 80, not 81`},
		{
			route.Match{SourceNamespace: "lab"},
			route.Mismatch{Field: route.SourceNamespace, Want: *exact("lab"), Got: "shop"},
			`the caller is not in namespace lab`,
		},
		{
			route.Match{SourceLabels: map[string]string{"app": "cart"}},
			route.Mismatch{Field: route.SourceLabel, Name: "app", Want: *exact("cart"), Got: "web"},
			`the caller is not labelled app=cart`,
		},
		{route.Match{Method: exact("PUT")}, route.Mismatch{Field: route.Method, Want: *exact("PUT"), Got: "GET"}, `method is not "PUT"`},
		{
			route.Match{Authority: exact("cart")},
			route.Mismatch{Field: route.Authority, Want: *exact("cart"), Got: "reviews"},
			`authority is not "cart"`,
		},
		{route.Match{Scheme: exact("https")}, route.Mismatch{Field: route.Scheme, Want: *exact("https"), Got: "http"}, `scheme is not "https"`},
		{
			route.Match{URI: &route.StringMatch{Op: route.Prefix, Value: "/Old"}, IgnoreURICase: true},
			route.Mismatch{Field: route.URI, Want: route.StringMatch{Op: route.Prefix, Value: "/Old"}, Got: "/Api"},
			`path does not start with "/Old"`,
		},
		{
			route.Match{Headers: one("x", route.Regex, ".* is not .*")},
			route.Mismatch{Field: route.Header, Name: "x", Want: route.StringMatch{Op: route.Regex, Value: ".* is not .*"}, Got: "this is it"},
			`header x does not match .* is not .*`,
		},
		{
			route.Match{Headers: one("y", route.Present, "")},
			route.Mismatch{Field: route.Header, Name: "y", Want: route.StringMatch{Op: route.Present}},
			`header y is not present`,
		},
		{
			route.Match{WithoutHeaders: one("x", route.Regex, ".* is .*")},
			route.Mismatch{
				Field: route.Header, Name: "x", Want: route.StringMatch{Op: route.Regex, Value: ".* is .*"}, Got: "this is it", Negated: true,
			},
			`header x matches .* is .*`,
		},
		{
			route.Match{QueryParams: one("q", route.Exact, "2")},
			route.Mismatch{Field: route.QueryParam, Name: "q", Want: *exact("2"), Got: "1"},
			`query parameter q is not "2"`,
		},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			got := test.match.Mismatch(&request)
			if got == nil || *got != test.want {
				t.Fatalf("got %+v, want %+v", got, test.want)
			}
			if got.String() != test.text {
				t.Errorf("got %q, want %q", got, test.text)
			}
		})
	}
}
