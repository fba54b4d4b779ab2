package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

const servedNamespace = "served"

// TestServed: the answer to a followed override names the version and the workload that served it,
// at a sidecar, at a gateway of Istio and at one of the Gateway API. No other answer has the header.
func TestServed(t *testing.T) {
	t.Parallel()
	f := &front{mesh: mesh(t), namespaces: []string{servedNamespace, servedNamespace + "-edge"}}
	f.applyGatewayAPI(t)
	f.apply(t, "testdata/served.yaml", "")
	f.findGateways(t)
	f.client = f.newClient(t)
	web, err := f.mesh.Pod(t.Context(), servedNamespace, "app=web")
	if err != nil {
		t.Fatal(err)
	}
	sidecar, gateway, both := *f, *f, *f
	sidecar.gateways, sidecar.client = []string{"cart." + servedNamespace}, clientOf(t, f.mesh, web)
	gateway.gateways = f.gateways[:1]

	f.overrides(t, servedNamespace, "apply")
	f.settle(t)
	const v2, v3 = "X-Override-Served: cart.served:v2 cart-v2;served;cart;v2;", "X-Override-Served: cart.served:v3 cart-v3;served;cart-v3;v3;"
	at := func(override string) asked {
		return asked{http.MethodGet, "shop.example.com", "/", 80, [2]string{"x-override", override}}
	}
	inside := func(override string) asked { a := at(override); a.host = "cart"; return a }
	for _, c := range []struct {
		from     *front
		a        asked
		by, says string
	}{
		{&sidecar, inside("cart:v2"), "by cart:v2", v2},
		{&sidecar, inside("*:v3"), "by cart:v3", v3},
		{&gateway, at("cart:v2"), "by cart:v2", v2},
		{&both, at("*:v3"), "by cart:v3", v3},
	} {
		c.from.await(t, c.a, c.by)
		for _, answer := range c.from.play(t, []asked{c.a}) {
			if !strings.Contains(answer, c.says) {
				t.Errorf("%v: %s, want %s", c.a, answer, c.says)
			}
		}
	}
	for _, from := range []*front{&sidecar, &both} {
		ordinary := []asked{at(""), at("cart:v9"), at("stock:v2")}
		if from == &sidecar {
			ordinary = []asked{inside(""), inside("cart:v9"), inside("stock:v2")}
		}
		answers := from.play(t, ordinary)
		if slices.ContainsFunc(answers, func(a string) bool {
			return !strings.Contains(a, "by cart:v1") || strings.Contains(a, "X-Override-Served")
		}) {
			t.Errorf("ordinary requests: %s", strings.Join(answers, "\n"))
		}
	}
}

// clientOf returns a client in a pod.
func clientOf(t *testing.T, m *stage.Mesh, pod localmesh.Pod) *http.Client {
	t.Helper()
	client, err := m.Client(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
