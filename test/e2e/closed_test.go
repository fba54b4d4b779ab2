package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const closedNamespace = "closed"

// closedCase is a request of a caller, with what it gets before the preview is closed, and after.
type closedCase struct {
	caller, url, override string
	before, after         string
}

// TestClosed: a closed preview admits the callers of the released version, the gateway among
// them, by routes and by its own name, and refuses all others, also those without a sidecar, and
// requests that the released version refuses. Ordinary requests get what they got before.
func TestClosed(t *testing.T) {
	t.Parallel()
	f := &front{mesh: mesh(t), namespaces: []string{closedNamespace, closedNamespace + "-other"}}
	f.apply(t, "testdata/closed.yaml", "")
	f.findGateways(t, closedNamespace)
	f.settle(t)
	x := &closedWorld{front: f, clients: map[string]*http.Client{"outside": f.newClient(t)}}
	for app, namespace := range map[string]string{"web": closedNamespace, "media": closedNamespace, "stranger": closedNamespace + "-other"} {
		pod, err := f.mesh.Pod(t.Context(), namespace, "app="+app)
		if err != nil {
			t.Fatal(err)
		}
		if x.clients[app], err = f.mesh.Client(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	cases := x.cases(t)
	for _, c := range cases {
		x.await(t, c, c.before)
	}
	f.overrides(t, closedNamespace, "apply")
	f.settle(t)
	for _, c := range cases {
		x.await(t, c, c.after)
	}
}

type closedWorld struct {
	*front

	clients map[string]*http.Client
}

func (x *closedWorld) cases(t *testing.T) []closedCase {
	t.Helper()
	address := func(app string) string {
		pod, err := x.mesh.Pod(t.Context(), closedNamespace, "app="+app)
		if err != nil {
			t.Fatal(err)
		}
		return "http://" + net.JoinHostPort(pod.IP, "8080") + "/"
	}
	cart, preview := "http://cart."+closedNamespace+"/", "http://cart-v2."+closedNamespace+"/"
	gateway := "http://" + x.gateways[0] + "/"
	const v1, v2, refused = "200 v1", "200 v2", "403"
	return []closedCase{
		{"web", cart, "cart:v2", v1, v2},
		{"web", preview, "", v2, v2},
		{"web", preview + "secret", "", v2, refused},
		{"outside", gateway, "cart:v2", v1, v2},
		{"media", preview, "", v2, refused},
		{"media", cart, "cart:v2", refused, refused},
		{"stranger", preview, "", v2, refused},
		{"stranger", cart, "cart:v2", refused, refused},
		{"outside", address("cart-v2"), "", v2, refused},
		// Ordinary requests.
		{"web", cart, "", v1, v1},
		{"web", cart + "secret", "", refused, refused},
		{"outside", gateway, "", v1, v1},
		{"media", cart, "", refused, refused},
		{"stranger", cart, "", refused, refused},
		{"outside", address("cart"), "", refused, refused},
	}
}

// await waits until a request is answered as wanted, several times in a row, on new connections.
func (x *closedWorld) await(t *testing.T, c closedCase, want string) {
	t.Helper()
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, fmt.Sprintf("%+v", c), func(ctx context.Context) string {
		for range 5 {
			x.clients[c.caller].CloseIdleConnections()
			if got, err := x.ask(ctx, c); err != nil || got != want {
				return fmt.Sprintf("got %s %v, want %s", got, err, want)
			}
		}
		return ""
	})
}

func (x *closedWorld) ask(ctx context.Context, c closedCase) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return "", err
	}
	if c.caller == "outside" && c.url == "http://"+x.gateways[0]+"/" {
		request.Host = "shop.example.com"
	}
	if c.override != "" {
		request.Header.Set("x-override", c.override)
	}
	response, err := x.clients[c.caller].Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Sprint(response.StatusCode), nil
	}
	answer, err := chain.Decode(response.Body)
	if err != nil {
		return "", err
	}
	return "200 " + answer.Version, nil
}
