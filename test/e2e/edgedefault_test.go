package e2e_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestEdgeDefault: at a gateway without a policy, where the default is to follow nothing from
// outside, a bare carrier is followed neither by the gateway nor by the services behind it, and
// no service sees it. Ordinary requests are as before.
func TestEdgeDefault(t *testing.T) {
	t.Parallel()
	const namespace = "edge-default"
	e := openEdgeIn(t, namespace)
	e.follow(t)
	ordinary := ordinaryAtEdge()
	before := e.play(t, ordinary)
	bare := atEdge{host: edgeShop, lines: http.Header{"X-Override": {"web:v2"}}}
	e.awaitRoutes(t, bare, "v2") // without the default
	if out, err := exec.CommandContext(t.Context(), programs(t).Overrides, "apply", "--kubeconfig", e.mesh.Kubeconfig, "-n", namespace,
		"--gateway-default", "Strip").CombinedOutput(); err != nil {
		t.Fatalf("overrides apply: %v\n%s", err, out)
	}
	e.client.CloseIdleConnections()
	e.awaitRoutes(t, bare, "v1")
	for _, lines := range []http.Header{
		{"X-Override": {"web:v2"}},
		{"X-Override": {"cart:v2"}},
		{"x-OVERRIDE": {"web:v1", "*:v2"}},
		{"Baggage": {"override.web=v2,override.cart=v2"}},
		{"Baggage": {"override=v2"}},
		{"Cookie": {"x-override=v2"}},
	} {
		for version, client := range e.clients {
			client.CloseIdleConnections()
			got, err := e.sendAtEdge(t.Context(), client, atEdge{host: edgeShop, lines: lines})
			if err != nil || !strings.HasPrefix(got, `x-override ""`) || !strings.HasSuffix(got, "web:v1 cart:v1") {
				t.Errorf("%s %v: %s %v", version, lines, got, err)
			}
		}
	}
	for i, got := range e.play(t, ordinary) {
		if got != before[i] {
			t.Errorf("%v\nbefore %s\nafter  %s", ordinary[i], before[i], got)
		}
	}
}
