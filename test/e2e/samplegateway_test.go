package e2e_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// sample is a known application behind a gateway.
type sample struct {
	// namespace is that of the application and its gateway.
	namespace string
	// corpus are its manifests; manifest is what they don't have of the entry.
	corpus   []string
	manifest string
	// front is the Service behind the gateway, and program what its pods call themselves. host and
	// entry are a host and the port of the gateway, paths are paths there, of which the first leads
	// to front.
	front, program, host string
	entry                int
	paths                []string
}

// TestBoutiqueGateway plays Online Boutique, whose front end has pods without a version.
func TestBoutiqueGateway(t *testing.T) {
	t.Parallel()
	s := &sample{
		namespace: "boutique-door", manifest: "testdata/boutique-gateway.yaml",
		corpus: []string{"online-boutique/kubernetes-manifests.yaml#frontend", "online-boutique/istio-manifests.yaml#frontend"},
		front:  "frontend", program: "frontend:8080", host: "boutique.example.com", entry: 80,
		paths: []string{"/", "/cart", "/product/OLJCESPC7Z?currency=EUR", "/static/x.png", "/_healthz"},
	}
	s.play(t)
}

// TestBookinfoGateway plays Istio's Bookinfo with its own Gateway and VirtualService, which has
// several matches in one route, and none for all other paths.
func TestBookinfoGateway(t *testing.T) {
	t.Parallel()
	s := &sample{
		namespace: "bookinfo-door", manifest: "testdata/gateway-pods.yaml",
		corpus: []string{"bookinfo/bookinfo.yaml#productpage", "bookinfo/bookinfo.yaml#productpage-v1", "bookinfo/bookinfo.yaml#bookinfo-productpage", "bookinfo/bookinfo-gateway.yaml"},
		front:  "productpage", program: "productpage-v1:9080", host: "bookinfo.example.com", entry: 8080,
		paths: []string{"/productpage", "/productpage?u=test", "/static/jquery.min.js", "/login", "/logout", "/api/v1/products/0/reviews", "/productpage/x", "/loginx", "/", "/reviews/0"},
	}
	s.play(t)
}

// play sends requests through the entry, to the front end and to a preview that overrides preview
// prints. Ordinary requests get what they got before, requests with the override the preview, and
// explain says so.
func (s *sample) play(t *testing.T) {
	t.Helper()
	f := s.open(t)
	served := fmt.Sprintf("by %s/%s", s.namespace, s.program)
	ordinary := s.ordinary()
	f.await(t, asked{"GET", s.host, s.paths[0], s.entry, [2]string{}}, served)
	before := f.play(t, ordinary)
	args := []string{"preview", s.front, "--kubeconfig", f.mesh.Kubeconfig, "-n", s.namespace, "--image", "first-push:pr-7", "--name", "pr-7"}
	preview, err := exec.CommandContext(t.Context(), programs(t).Overrides, args...).Output()
	if err != nil {
		t.Fatalf("overrides %v: %v\n%s", args, err, stderrOf(err))
	}
	if err := f.mesh.Apply(t.Context(), preview); err != nil {
		t.Fatal(err)
	}
	f.waitReady(t)
	if out := f.overrides(t, s.namespace, "apply"); strings.Contains(out, "GatewayRoutes") || strings.Contains(out, "EntranceNotPinned") {
		t.Errorf("the gateway does not follow overrides:\n%s", out)
	}
	f.await(t, asked{"GET", s.host, s.paths[0], s.entry, [2]string{"x-override", s.front + ":pr-7"}}, served+"/first-push")
	for i, got := range f.play(t, ordinary) {
		if got != before[i] {
			t.Errorf("%v\nbefore %s\nafter  %s", ordinary[i], before[i], got)
		}
	}
	s.overridden(t, f, ordinary, before)
	explain := exec.CommandContext(t.Context(), programs(t).Overrides, "explain", "--kubeconfig", f.mesh.Kubeconfig, "-n", s.namespace,
		"--to", s.host, "--path", s.paths[0], "-H", "x-override: "+s.front+":pr-7")
	if out, err := explain.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), fmt.Sprintf("gateway → %s: %s:pr-7 ", s.host, s.front)) {
		t.Errorf("explain: %v\n%s", err, out)
	}
}

// open deploys the front end of the corpus and its entry, whose Gateway gets pods of its own.
func (s *sample) open(t *testing.T) *front {
	t.Helper()
	w := &conform.World{Namespaces: []string{s.namespace}}
	application := bytes.ReplaceAll(adapted(t, w, s.corpus), []byte("istio: ingressgateway"), []byte("istio: "+s.namespace))
	f := &front{mesh: mesh(t), namespaces: w.Namespaces}
	namespaces, err := w.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.mesh.Apply(t.Context(), namespaces.Namespaces, application); err != nil {
		t.Fatal(err)
	}
	f.apply(t, s.manifest, "")
	f.findGateways(t)
	f.client = f.newClient(t)
	f.settle(t)
	return f
}

// ordinary are requests without an override, and with those of others.
func (s *sample) ordinary() []asked {
	var out []asked
	for _, host := range []string{s.host, "10.0.0.7", s.front} {
		for _, path := range s.paths {
			for _, header := range [][2]string{{}, {"Cookie", "shop_session-id=x-123"}, {"x-override", s.front + ":pr-8, cartservice:pr-7"}, {"baggage", "a=b"}} {
				out = append(out, asked{"GET", host, path, s.entry, header}, asked{"POST", host, path, s.entry, header})
			}
		}
	}
	return out
}

// overridden sends the ordinary requests again, with overrides: the preview serves them, and
// nothing else differs.
func (s *sample) overridden(t *testing.T, f *front, ordinary []asked, before []string) {
	t.Helper()
	var requests []asked
	var want []string
	for _, header := range [][2]string{
		{"x-override", s.front + ":pr-7"}, {"x-override", "*:pr-7"}, {"baggage", "override." + s.front + "=pr-7"}, {"x-override", s.front + "." + s.namespace + ":pr-7;strict"},
	} {
		for i, a := range ordinary {
			if a.header[0] != "" {
				continue
			}
			a.header = header
			requests, want = append(requests, a), append(want, strings.Replace(before[i], s.program, s.program+"/first-push", 1))
		}
	}
	for i, got := range f.play(t, requests) {
		if got != want[i] {
			t.Errorf("%v\ngot  %s\nwant %s", requests[i], got, want[i])
		}
	}
	t.Logf("%d requests with overrides, %d ordinary ones", len(requests), len(ordinary))
}
