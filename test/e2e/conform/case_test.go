package conform_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

func TestParseCases(t *testing.T) {
	t.Parallel()
	got, err := conform.ParseCases(world(t), []byte(`# A note.

# Why,
# in two lines.
first: web GET cart:9090/a?b=c = cart-v1 | cart-v1.lab
    x-override: a:v1,\tb:v2
    X-Override:
!second: probe.lab M-SEARCH cart/
third: web GET shop.example.com/ @cart.lab =cluster= 503 cart.lab
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []conform.Case{
		{
			Name: "first", Why: "Why, in two lines.", Kind: conform.Picked, From: "web", Service: "cart", Port: 9090, Host: "cart:9090", Method: "GET", Path: "/a?b=c",
			Header: []conform.Header{{Name: "x-override", Value: "a:v1,\tb:v2"}, {Name: "X-Override"}}, Want: []string{"cart-v1", "cart-v1.lab"},
		},
		{Name: "second", Why: "Why, in two lines.", Kind: conform.Picked, From: "probe.lab", Service: "cart.lab", Port: 80, Host: "cart", Method: "M-SEARCH", Path: "/", Known: true},
		{
			Name: "third", Why: "Why, in two lines.", Kind: conform.Picked, From: "web", Service: "cart.lab", Port: 80, Host: "shop.example.com", Method: "GET", Path: "/",
			Want: []string{"503 cart.lab"}, Cluster: true,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := got[0].Curl(), `curl -i --path-as-is -H $'x-override: a:v1,\tb:v2' -H 'X-Override;' 'http://cart:9090/a?b=c'`; got != want {
		t.Errorf("as curl: %s, want %s", got, want)
	}
}

func TestParseCasesRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: web GET cart":                          "want name: caller METHOD",
		"a: nobody GET cart/":                      "find workload nobody",
		"a: cart-v1 GET cart/":                     "is not a caller",
		"a: web GET other/":                        "other is not a Service",
		"a: web GET other/ @other":                 "find Service other",
		"a: web GET cart/\n    x-override cart:v2": "want name: value",
		"a: web GET cart/\na: web GET cart/":       "duplicate case a",
		"a: web GET cart:99999/":                   "read port",
	} {
		if _, err := conform.ParseCases(world(t), []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}
