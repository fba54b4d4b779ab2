package e2e_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

const boutiqueDoor = "boutique-door"

// TestBoutiqueGateway sends requests through the entry of Online Boutique, whose front end has
// pods without a version and a VirtualService of its own, to it and to a preview that overrides
// preview prints. Ordinary requests get what they got before, requests with the override the
// preview, and explain says so.
func TestBoutiqueGateway(t *testing.T) {
	t.Parallel()
	f := openBoutique(t)
	ordinary := ordinaryAtBoutique()
	f.await(t, asked{"GET", "boutique.example.com", "/", 80, [2]string{}}, "by "+boutiqueDoor+"/frontend:8080")
	before := f.play(t, ordinary)
	args := []string{"preview", "frontend", "--kubeconfig", f.mesh.Kubeconfig, "-n", boutiqueDoor, "--image", "first-push:pr-7", "--name", "pr-7"}
	preview, err := exec.CommandContext(t.Context(), programs(t).Overrides, args...).Output()
	if err != nil {
		t.Fatalf("overrides %v: %v", args, err)
	}
	if err := f.mesh.Apply(t.Context(), preview); err != nil {
		t.Fatal(err)
	}
	f.waitReady(t)
	if out := f.overrides(t, boutiqueDoor, "apply"); strings.Contains(out, "GatewayRoutes") || strings.Contains(out, "EntranceNotPinned") {
		t.Errorf("the gateway does not follow overrides:\n%s", out)
	}
	f.await(t, asked{"GET", "boutique.example.com", "/", 80, [2]string{"x-override", "frontend:pr-7"}}, "frontend:8080/first-push")
	for i, got := range f.play(t, ordinary) {
		if got != before[i] {
			t.Errorf("%v\nbefore %s\nafter  %s", ordinary[i], before[i], got)
		}
	}
	f.overriddenAtBoutique(t, ordinary, before)
	explain := exec.CommandContext(t.Context(), programs(t).Overrides, "explain", "--kubeconfig", f.mesh.Kubeconfig, "-n", boutiqueDoor,
		"--to", "boutique.example.com", "--path", "/cart", "-H", "x-override: frontend:pr-7")
	if out, err := explain.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "gateway → boutique.example.com: frontend:pr-7 ") {
		t.Errorf("explain: %v\n%s", err, out)
	}
}

// openBoutique deploys the front end of the corpus and its entry.
func openBoutique(t *testing.T) *front {
	t.Helper()
	w := &conform.World{Namespaces: []string{boutiqueDoor}}
	application := adapted(t, w, []string{"online-boutique/kubernetes-manifests.yaml#frontend", "online-boutique/istio-manifests.yaml#frontend"})
	f := &front{mesh: mesh(t), namespaces: w.Namespaces}
	namespaces, err := w.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.mesh.Apply(t.Context(), namespaces.Namespaces, application); err != nil {
		t.Fatal(err)
	}
	f.apply(t, "testdata/boutique-gateway.yaml", "")
	f.findGateways(t)
	f.client = f.newClient(t)
	f.settle(t)
	return f
}

// ordinaryAtBoutique are requests without an override, and with those of others.
func ordinaryAtBoutique() []asked {
	var out []asked
	for _, host := range []string{"boutique.example.com", "10.0.0.7", "frontend"} {
		for _, path := range []string{"/", "/cart", "/product/OLJCESPC7Z?currency=EUR", "/static/x.png", "/_healthz"} {
			for _, header := range [][2]string{{}, {"Cookie", "shop_session-id=x-123"}, {"x-override", "frontend:pr-8, cartservice:pr-7"}, {"baggage", "a=b"}} {
				out = append(out, asked{"GET", host, path, 80, header}, asked{"POST", host, path, 80, header})
			}
		}
	}
	return out
}

// overriddenAtBoutique sends the ordinary requests again, with overrides: the preview serves
// them, and nothing else differs.
func (f *front) overriddenAtBoutique(t *testing.T, ordinary []asked, before []string) {
	t.Helper()
	var requests []asked
	var want []string
	for _, header := range [][2]string{{"x-override", "frontend:pr-7"}, {"x-override", "*:pr-7"}, {"baggage", "override.frontend=pr-7"}, {"x-override", "frontend." + boutiqueDoor + ":pr-7;strict"}} {
		for i, a := range ordinary {
			if a.header[0] != "" {
				continue
			}
			a.header = header
			requests, want = append(requests, a), append(want, strings.Replace(before[i], "frontend:8080", "frontend:8080/first-push", 1))
		}
	}
	for i, got := range f.play(t, requests) {
		if got != want[i] {
			t.Errorf("%v\ngot  %s\nwant %s", requests[i], got, want[i])
		}
	}
	t.Logf("%d requests with overrides, %d ordinary ones", len(requests), len(ordinary))
}
