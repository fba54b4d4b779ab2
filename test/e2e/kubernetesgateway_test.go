package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

const kubernetesDoor = "kubernetes-door"

// TestKubernetesGateway sends requests through a Kubernetes Gateway with two HTTPRoutes of
// users for one host. With HTTPRoutes of Overrides beside them, ordinary requests get what they
// got before, overrides are followed at the first hop, and no request fails while those
// HTTPRoutes come and go.
func TestKubernetesGateway(t *testing.T) {
	t.Parallel()
	f := openKubernetesDoor(t)
	requests := ordinaryAtKubernetesGateway()
	f.await(t, asked{"GET", "shop.example.com", "/younger/a", 80, [2]string{}}, "by media:v1")
	f.await(t, asked{"GET", "a.wild.example.com", "/", 8080, [2]string{}}, "by web:v1 cart:v1")
	before := f.play(t, requests)
	f.apply(t, "testdata/kubernetes-gateway-later.yaml", "-v2")
	out := f.overrides(t, kubernetesDoor, "apply")
	if strings.Contains(out, "GatewayRoutes") {
		t.Errorf("the gateway does not follow overrides:\n%s", out)
	}
	f.settle(t)
	for _, host := range []string{"shop.example.com", "www.shop.example.com", "a.wild.example.com"} {
		for _, port := range []int{80, 8080} {
			f.await(t, asked{"GET", host, "/", port, [2]string{"x-override", "web:v2, cart:v2"}}, "by web:v2 cart:v2")
			f.await(t, asked{"GET", host, "/", port, [2]string{}}, "by web:v1 cart:v1")
		}
	}
	t.Run("Ordinary", func(t *testing.T) {
		for i, after := range f.play(t, requests) {
			if before[i] != after {
				t.Errorf("%v\nbefore %s\nafter  %s", requests[i], before[i], after)
			}
		}
	})
	t.Run("Overrides", func(t *testing.T) { f.overridden(t, requests, before) })
	t.Run("Again", func(t *testing.T) {
		if out := f.overrides(t, kubernetesDoor, "apply"); !strings.Contains(out, "nothing to write") {
			t.Errorf("a second time it writes:\n%s", out)
		}
	})
	t.Run("Toggle", func(t *testing.T) { f.toggleRoutes(t) })
}

func openKubernetesDoor(t *testing.T) *front {
	t.Helper()
	f := &front{mesh: mesh(t), namespaces: []string{kubernetesDoor, kubernetesDoor + "-edge"}, refusal: "500"}
	f.applyGatewayAPI(t)
	f.apply(t, "testdata/kubernetes-gateway.yaml", "")
	<-time.After(time.Second) // Kubernetes' ages are in seconds
	f.apply(t, "testdata/kubernetes-gateway-later.yaml", "kind: HTTPRoute")
	f.findGateways(t, f.namespaces[1])
	f.client = f.newClient(t)
	f.settle(t)
	return f
}

// applyGatewayAPI applies the definitions of the Gateway API.
func (f *front) applyGatewayAPI(t *testing.T) {
	t.Helper()
	definitions, err := controlplane.GatewayCRDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range definitions {
		text, err := os.ReadFile(path)
		if err := errors.Join(err, f.mesh.Apply(t.Context(), text)); err != nil {
			t.Fatal(err)
		}
	}
}

// ordinaryAtKubernetesGateway are the requests of ordinaryAtGateways, and some that several
// rules of users compete for.
func ordinaryAtKubernetesGateway() []asked {
	out := ordinaryAtGateways()
	for _, host := range []string{"shop.example.com", "www.shop.example.com"} {
		for _, path := range []string{"/", "/x", "/x?q=1", "/items/7", "/i", "/ii", "/apix", "/api"} {
			out = append(out, asked{"GET", host, path, 80, [2]string{}}, asked{"GET", host, path, 80, [2]string{"X-Beta", "1"}})
		}
	}
	return out
}

// toggleRoutes takes the HTTPRoutes of Overrides away and brings them back, under load.
func (f *front) toggleRoutes(t *testing.T) {
	t.Helper()
	var sources []load.Source
	for _, header := range []string{"", "web:v2"} {
		for path, want := range map[string]string{"/i/7": "/app/item items=yes by web:v", "/api/7": "/v1/7 items= by web:v"} {
			sources = append(sources, load.Source{
				Name: path + " " + header, Rate: 40,
				Send: func(ctx context.Context) (string, error) {
					return f.send(ctx, f.gateways[0], asked{http.MethodGet, "shop.example.com", path, 80, [2]string{"x-override", header}})
				},
				Want: func(answer string) bool { return strings.HasPrefix(answer, "200 ") && strings.Contains(answer, want) },
			})
		}
	}
	f.toggle(t, "kind: HTTPRoute\n", sources)
}
