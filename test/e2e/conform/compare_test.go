package conform_test

import (
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// TestCompare changes one thing of an observation at a time.
func TestCompare(t *testing.T) {
	t.Parallel()
	served := conform.Expectation{
		Status: 200, Servers: []conform.Server{{ID: "shop/cart-v1", Port: 8080}}, Path: "/v9/a", Host: "cart", AtLeast: time.Second,
		Request:  map[string][]string{"x-override": {"a:v1", "b:v2"}, "x-secret": nil},
		Response: map[string][]string{"x-answered": {"api"}},
	}
	observed := func(change func(*conform.Observation)) *conform.Observation {
		o := &conform.Observation{
			Status: 200, Server: conform.Server{ID: "shop/cart-v1", Port: 8080}, Path: "/v9/a", Host: "cart", Elapsed: time.Second,
			Header: map[string][]string{"x-answered": {"api"}}, Seen: map[string][]string{"x-override": {"a:v1,b:v2"}, "other": {"x"}},
		}
		change(o)
		return o
	}
	for want, change := range map[string]func(*conform.Observation){
		"":                    func(*conform.Observation) {},
		"status is":           func(o *conform.Observation) { o.Status = 503 },
		"answered, want":      func(o *conform.Observation) { o.Server.ID = "shop/cart-v2" },
		"8081} answered":      func(o *conform.Observation) { o.Server.Port = 8081 },
		"the proxy answered":  func(o *conform.Observation) { o.Server.ID = "" },
		"path at":             func(o *conform.Observation) { o.Path = "/a" },
		"host at":             func(o *conform.Observation) { o.Host = "cart.shop" },
		"header x-override":   func(o *conform.Observation) { o.Seen["x-override"] = []string{"b:v2"} },
		"header x-secret":     func(o *conform.Observation) { o.Seen["x-secret"] = []string{""} },
		"header x-answered":   func(o *conform.Observation) { delete(o.Header, "x-answered") },
		"x-override-error is": func(o *conform.Observation) { o.Header["x-override-error"] = []string{"why"} },
		"location is":         func(o *conform.Observation) { o.Header["location"] = []string{"http://there/"} },
		"it took":             func(o *conform.Observation) { o.Elapsed = time.Millisecond },
	} {
		got := strings.Join(served.Compare(observed(change)), "; ")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("Compare says %q, want %q", got, want)
		}
	}
	// A stage with one port for all reports none.
	if got := served.Compare(observed(func(o *conform.Observation) { o.Server.Port = 0 })); len(got) > 0 {
		t.Errorf("without a port: %v", got)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	w := world(t)
	for want, o := range map[string]*conform.Observation{
		"cart-v1":            {Status: 200, Server: conform.Server{ID: "shop/cart-v1"}},
		"cart-v1.lab":        {Status: 503, Server: conform.Server{ID: "lab/cart-v1"}},
		"503 cart.shop":      {Status: 503, Header: map[string][]string{"x-override-error": {"cart.shop: requested version unavailable"}}},
		"302 http://cart/ne": {Status: 302, Header: map[string][]string{"location": {"http://cart/ne"}}},
		"404":                {Status: 404},
	} {
		if got := w.Outcome(o); got != want {
			t.Errorf("Outcome is %q, want %q", got, want)
		}
	}
}
