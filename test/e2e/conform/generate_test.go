package conform_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

func world(t *testing.T) *conform.World {
	t.Helper()
	w, err := conform.ParseWorld("test", map[string][]byte{"world.yaml": []byte(`
namespaces: [shop, lab]
services:
- name: cart
  ports: [{name: http, number: 80}, {name: http-admin, number: 9090, target: 8081}]
- name: cart
  namespace: lab
workloads:
- {name: cart-v1, labels: {app: cart, version: v1}}
- {name: cart-v2, labels: {app: cart, version: v2.1}}
- {name: cart-v1, namespace: lab, labels: {app: cart, version: v1}}
- {name: web, caller: true}
- {name: probe, namespace: lab, caller: true}
vocabulary:
  paths: [/api]
  headers: ["x-user: ann"]
`)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestGenerateIsTheSameForASeed(t *testing.T) {
	t.Parallel()
	w := world(t)
	first, again, other := conform.Generate(w, 7, 300), conform.Generate(w, 7, 300), conform.Generate(w, 8, 300)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("another run gives other cases:\n%s", diff)
	}
	if cmp.Equal(first, other) {
		t.Error("another seed gives the same cases")
	}
	if diff := cmp.Diff(first[:50], conform.Generate(w, 7, 50)); diff != "" {
		t.Errorf("fewer cases are other cases:\n%s", diff)
	}
}

// TestGenerateReaches counts the elements of generated cases: each must occur.
func TestGenerateReaches(t *testing.T) {
	t.Parallel()
	w := world(t)
	seen := map[string]int{}
	names := map[string]bool{}
	for _, c := range conform.Generate(w, 7, 600) {
		if names[c.Name] {
			t.Errorf("two cases are called %s", c.Name)
		}
		names[c.Name] = true
		lines := c.Lines("x-override")
		text := strings.Join(lines, "\n")
		for what, is := range map[string]bool{
			"kind " + c.Kind: true, "from " + c.From: true, "host " + c.Host: true, "method " + c.Method: true,
			"lines":        len(lines) > 1,
			"empty line":   len(lines) > 0 && lines[0] == "",
			"tab":          strings.Contains(text, "\t"),
			"space, comma": strings.Contains(text, ", "),
			"strict":       strings.Contains(text, "strict"),
			"from=":        strings.Contains(text, ";from="),
			"method=":      strings.Contains(text, ";method="),
			"qualified":    strings.Contains(text, "cart.lab:"),
			"set":          strings.Contains(text, "*:v1"),
			"set in one":   strings.Contains(text, "*.lab:"),
			"baggage set":  strings.Contains(strings.Join(c.Lines("baggage"), ","), "override=v"),
			"both":         len(lines) > 0 && len(c.Lines("baggage")) > 0,
			"vocabulary":   len(c.Lines("x-user")) > 0 && c.Path == "/api",
		} {
			if is {
				seen[what]++
			}
		}
		for _, h := range c.Header {
			for i := range len(h.Value) {
				if b := h.Value[i]; b != '\t' && (b < ' ' || b > '~') {
					t.Errorf("case %s has byte %#x, which versions of Envoy treat differently", c.Name, b)
				}
			}
		}
	}
	for _, kind := range conform.Kinds() {
		if seen["kind "+kind] < 30 {
			t.Errorf("%d cases are of kind %s", seen["kind "+kind], kind)
		}
	}
	for _, what := range []string{
		"from web", "from probe.lab", "host cart", "host cart.lab", "host cart:9090", "host cart.shop.svc.cluster.local", "method GET", "method POST",
		"lines", "empty line", "tab", "space, comma", "strict", "from=", "method=", "qualified", "set", "set in one", "baggage set", "both", "vocabulary",
	} {
		if seen[what] == 0 {
			t.Errorf("no case has: %s", what)
		}
	}
}
