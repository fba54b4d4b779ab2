package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

const (
	frontDoor = "front-door"
	// toggles is how often the companions go and come under load.
	toggles = 50
)

// front is an application behind gateways.
type front struct {
	mesh *stage.Mesh
	// namespaces are those of the application and of its gateways, the application's first.
	namespaces []string
	// refusal is the status that answers a strict override that can't be served.
	refusal string
	// gateways are the addresses of the gateway pods.
	gateways []string
	client   *http.Client
}

// TestGateways sends requests through gateways whose hosts have an eight-rule VirtualService
// of the user's and a younger one. With the companions of these, ordinary requests get what
// they got before, overrides are followed at the first hop, and no request fails while
// companions come and go.
func TestGateways(t *testing.T) {
	t.Parallel()
	f := openFront(t)
	requests := ordinaryAtGateways()
	f.await(t, asked{"GET", "shop.example.com", "/younger/a", 80, [2]string{}}, "by media:v1")
	f.await(t, asked{"GET", "a.wild.example.com", "/", 8080, [2]string{}}, "by web:v1 cart:v1")
	before := f.play(t, requests)
	f.apply(t, "testdata/gateway-younger.yaml", "kind: Deployment")
	if out := f.overrides(t, frontDoor, "apply"); strings.Contains(out, "EntranceNotPinned") || strings.Contains(out, "GatewayRoutes") {
		t.Errorf("a gateway does not follow overrides:\n%s", out)
	}
	f.settle(t)
	for _, host := range []string{"shop.example.com", "www.shop.example.com", "a.wild.example.com"} {
		for _, port := range []int{80, 8080} {
			f.await(t, asked{"GET", host, "/", port, [2]string{"x-override", "web:v2, cart:v2"}}, "by web:v2 cart:v2")
			f.await(t, asked{"GET", host, "/", port, [2]string{}}, "by web:v1 cart:v1")
		}
	}
	t.Run("Ordinary", func(t *testing.T) {
		after := f.play(t, requests)
		for i, r := range requests {
			if before[i] != after[i] {
				t.Errorf("%v\nbefore %s\nafter  %s", r, before[i], after[i])
			}
		}
	})
	t.Run("Overrides", func(t *testing.T) { f.overridden(t, requests, before) })
	t.Run("Prove", func(t *testing.T) {
		out := f.overrides(t, frontDoor, "prove")
		for _, want := range []string{"They are equal for ordinary requests.", "Gateway    VirtualService " + frontDoor + "/shop      yes"} {
			if !strings.Contains(out, want) {
				t.Errorf("it does not say %q, but\n%s", want, out)
			}
		}
	})
	t.Run("Toggle", func(t *testing.T) { f.toggleCompanions(t) })
}

func openFront(t *testing.T) *front {
	t.Helper()
	f := &front{mesh: mesh(t), namespaces: []string{frontDoor, frontDoor + "-edge"}, refusal: "503"}
	f.apply(t, "testdata/gateway.yaml", "")
	<-time.After(time.Second) // Kubernetes' ages are in seconds
	f.apply(t, "testdata/gateway-younger.yaml", "kind: VirtualService")
	f.findGateways(t)
	f.client = f.newClient(t)
	f.settle(t)
	return f
}

// findGateways finds the gateway pod of each namespace, or only of some.
func (f *front) findGateways(t *testing.T, only ...string) {
	t.Helper()
	namespaces := f.namespaces
	if len(only) > 0 {
		namespaces = only
	}
	for _, namespace := range namespaces {
		pods, err := f.mesh.Pods(t.Context(), namespace, "istio="+f.namespaces[0])
		if err != nil || len(pods) != 1 {
			t.Fatalf("%d gateway pods in %s, %v", len(pods), namespace, err)
		}
		f.gateways = append(f.gateways, pods[0].Status.PodIP)
	}
}

// newClient returns a client outside of the mesh, which does not follow redirects.
func (f *front) newClient(t *testing.T) *http.Client {
	t.Helper()
	client, err := f.mesh.Client(t.Context(), localmesh.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	client.Timeout = 30 * time.Second // a busy machine is slow
	return client
}

// apply applies the documents of a file that contain a text, and waits for all pods. NAMESPACE
// in it is the application's namespace; places are more texts to replace, and by what.
func (f *front) apply(t *testing.T, file, with string, places ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer(append(places, "NAMESPACE", f.namespaces[0])...).Replace(string(text))
	for document := range strings.SplitSeq(filled, "\n---\n") {
		if !strings.Contains(document, with) {
			continue
		}
		if err := f.mesh.Apply(t.Context(), []byte(document)); err != nil {
			t.Fatal(err)
		}
	}
	f.waitReady(t)
}

func (f *front) waitReady(t *testing.T) {
	t.Helper()
	for _, namespace := range f.namespaces {
		if err := f.mesh.WaitReady(t.Context(), namespace); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *front) settle(t *testing.T) {
	t.Helper()
	if err := f.mesh.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// await waits until both gateways answer a request in a way, many times in a row: settle does
// not wait for gateways.
func (f *front) await(t *testing.T, a asked, want string) {
	t.Helper()
	const enough = 20
	for _, address := range f.gateways {
		programtest.Eventually(t, time.Minute, 20*time.Millisecond, a.String(), func(ctx context.Context) string {
			for range enough {
				if got, err := f.send(ctx, address, a); err != nil || !strings.Contains(got, want) {
					return fmt.Sprintf("%s: %s %v", address, got, err)
				}
			}
			return ""
		})
	}
}

// overrides runs a command of the program for a namespace.
func (f *front) overrides(t *testing.T, namespace, command string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), programs(t).Overrides, command, "--kubeconfig", f.mesh.Kubeconfig, "-n", namespace).CombinedOutput()
	if err != nil {
		t.Fatalf("overrides %s: %v\n%s", command, err, out)
	}
	return string(out)
}

// asked is a request to a gateway.
type asked struct {
	method, host, path string
	port               int
	header             [2]string
}

func (a asked) String() string {
	return fmt.Sprintf("%s %s:%d%s %s", a.method, a.host, a.port, a.path, strings.Join(a.header[:], ": "))
}

// ordinaryAtGateways are requests that follow no override: without a carrier, and with
// carriers that name nothing that exists.
func ordinaryAtGateways() []asked {
	var out []asked
	for _, host := range []string{"shop.example.com", "www.shop.example.com", "a.wild.example.com", "other.example.com"} {
		for _, path := range []string{"/", "/app/health", "/app/healthy", "/old/x", "/items/12", "/items/12/x", "/items/a", "/i/a", "/api/x", "/slow", "/teapot", "/media/a", "/younger/a", "/x?q=1"} {
			for _, port := range []int{80, 8080} {
				out = append(out, asked{"GET", host, path, port, [2]string{}})
			}
			out = append(out, asked{"POST", host, path, 80, [2]string{"x-override", "nothing:v2, web:v2;unknown=1"}})
		}
		out = append(out, asked{"OPTIONS", host, "/api/x", 80, [2]string{"Origin", "https://app.example.com"}})
	}
	return out
}

// play sends each request to both gateways, and returns what was answered to it.
func (f *front) play(t *testing.T, requests []asked) []string {
	t.Helper()
	out := make([]string, len(requests))
	parallel(len(requests), func(i int) {
		for _, address := range f.gateways {
			answer, err := f.send(t.Context(), address, requests[i])
			if err != nil {
				answer = "failed: " + err.Error()
			}
			if out[i] = strings.TrimPrefix(out[i]+"\n"+answer, "\n"); out[i] == answer+"\n"+answer {
				out[i] = answer
			}
		}
	})
	return out
}

// send sends a request, and returns its answer but for what differs each time.
func (f *front) send(ctx context.Context, address string, a asked) (string, error) {
	request, err := http.NewRequestWithContext(ctx, a.method, fmt.Sprintf("http://%s:%d%s", address, a.port, a.path), http.NoBody)
	if err != nil {
		return "", err
	}
	request.Host = a.host
	if a.header[0] != "" {
		request.Header.Set(a.header[0], a.header[1])
	}
	if a.method == http.MethodOptions {
		request.Header.Set("Access-Control-Request-Method", "GET")
	}
	response, err := f.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		switch strings.ToLower(name) {
		case "date", "x-envoy-upstream-service-time", "x-request-id", "content-length":
		default:
			parts = append(parts, name+": "+strings.Join(response.Header[name], ", "))
		}
	}
	answer := fmt.Sprintf("%d %s; ", response.StatusCode, strings.Join(parts, "; "))
	served, err := chain.Decode(bytes.NewReader(body))
	if err != nil {
		return answer + string(body), nil
	}
	return fmt.Sprintf("%s%s %s%s items=%s by %s", answer, served.Request.Method, served.Request.Host, served.Request.Path,
		served.Request.Headers.Get("x-items"), strings.Join(served.Path(), " ")), nil
}

// overridden sends requests with overrides: their answers are those of ordinary requests, by
// the versions asked for.
func (f *front) overridden(t *testing.T, all []asked, before []string) {
	t.Helper()
	carriers := []struct {
		header [2]string
		become func(string) string
	}{
		{[2]string{"x-override", "web:v2"}, strings.NewReplacer("web:v1", "web:v2").Replace},
		{[2]string{"X-Override", "nothing:v7, cart:v2 , web." + f.namespaces[0] + ":v2"}, strings.NewReplacer("web:v1", "web:v2", "cart:v1", "cart:v2").Replace},
		{[2]string{"x-override", "*:v2"}, strings.NewReplacer("web:v1", "web:v2", "cart:v1", "cart:v2").Replace},
		{[2]string{"baggage", "a=b,override.web=v2"}, strings.NewReplacer("web:v1", "web:v2").Replace},
		{[2]string{"x-override", "cart:v2"}, strings.NewReplacer("cart:v1", "cart:v2").Replace},
		{[2]string{"x-override", "web:v9;strict"}, func(answer string) string {
			if strings.Contains(answer, "by web:") || strings.Contains(answer, "418") {
				return f.refusal
			}
			return answer
		}},
	}
	var requests []asked
	var want []string
	for i, a := range all {
		if a.header[0] != "" {
			continue
		}
		for _, c := range carriers {
			a.header = c.header
			requests, want = append(requests, a), append(want, c.become(before[i]))
		}
	}
	for i, got := range f.play(t, requests) {
		refused := strings.HasPrefix(got, f.refusal+" ") && strings.Contains(got, "X-Override-Error")
		if got != want[i] && (want[i] != f.refusal || !refused) {
			t.Errorf("%v\ngot  %s\nwant %s", requests[i], got, want[i])
		}
	}
	t.Logf("%d requests with overrides, %d ordinary ones, to %d gateways each", len(requests), len(all), len(f.gateways))
}

// toggleCompanions takes the companions away and brings them back, under load. Only the versions
// that serve differ meanwhile.
func (f *front) toggleCompanions(t *testing.T) {
	t.Helper()
	var sources []load.Source
	for _, address := range f.gateways {
		for _, header := range []string{"", "web:v2"} {
			sources = append(sources, load.Source{
				Name: address + " " + header, Rate: 40,
				Send: func(ctx context.Context) (string, error) {
					return f.send(ctx, address, asked{"GET", "shop.example.com", "/items/7", 80, [2]string{"x-override", header}})
				},
				Want: func(answer string) bool {
					return strings.HasPrefix(answer, "200 ") && strings.Contains(answer, "X-Route: items") && strings.Contains(answer, "/app/item items=yes by web:v")
				},
			})
		}
	}
	f.toggle(t, "-gateway-overrides\n", sources)
}

// toggle takes the generated objects whose manifests have a line that ends in mark away and
// brings them back, again and again, under load from sources.
func (f *front) toggle(t *testing.T, mark string, sources []load.Source) {
	t.Helper()
	var all [][]byte
	for document := range strings.SplitSeq(f.generated(t), "\n---\n") {
		if strings.Contains(document, mark) {
			all = append(all, []byte(document))
		}
	}
	if len(all) == 0 {
		t.Fatalf("there are no manifests with %q", mark)
	}
	manifests := bytes.Join(all, []byte("\n---\n"))
	l := load.Start(t.Context(), sources...)
	for range toggles {
		err := f.mesh.Delete(t.Context(), manifests)
		<-time.After(150 * time.Millisecond)
		if err = errors.Join(err, f.mesh.Apply(t.Context(), manifests)); err != nil {
			t.Fatal(err)
		}
		<-time.After(150 * time.Millisecond)
	}
	for _, c := range l.Stop() {
		if t.Log(c.String()); !c.OK() {
			t.Errorf("%s", c.String())
		}
	}
}

func (f *front) generated(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), programs(t).Overrides, "generate", "-q", "--kubeconfig", f.mesh.Kubeconfig, "-n", f.namespaces[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
