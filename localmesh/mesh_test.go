package localmesh_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/localmesh"
)

// answer is what the sample says.
type answer struct {
	Service, Version, Pod string
	Request               struct{ Headers map[string][]string }
}

// deploy applies testdata/echo.yaml to a namespace, waits until it is ready, and
// returns the client's Pod.
func deploy(t *testing.T, m *localmesh.Mesh, namespace string, more ...[]byte) localmesh.Pod {
	t.Helper()
	if err := m.Apply(t.Context(), append([][]byte{manifest(t, "echo.yaml", namespace)}, more...)...); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	if err := m.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	pod, err := m.Pod(t.Context(), namespace, "app=client")
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// send makes a request from a Pod.
func send(t *testing.T, m *localmesh.Mesh, from localmesh.Pod, url string, header ...string) (int, answer) {
	t.Helper()
	client, err := m.Client(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	request.Host = request.Header.Get("Host")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	return response.StatusCode, a
}

// TestSidecar sends requests through a sidecar, which istiod's configuration
// steers: with a VirtualService, and without one again.
func TestSidecar(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	client := deploy(t, m, "sidecar")
	status, got := send(t, m, client, "http://echo/some/path", "x-teapot", "yes")
	if status != http.StatusOK || got.Service != "echo" || got.Version != "v1" {
		t.Errorf("answered %d by %+v", status, got)
	}
	// The proxy says who it is: the connection went through it.
	if len(got.Request.Headers["X-Request-Id"]) != 1 {
		t.Errorf("the request did not go through a proxy: its headers are %v", got.Request.Headers)
	}
	virtualService := manifest(t, "subset.yaml", "sidecar")
	if err := m.Apply(t.Context(), virtualService); err != nil {
		t.Fatal(err)
	}
	if err := m.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _ := send(t, m, client, "http://echo/", "x-teapot", "yes"); status != http.StatusTeapot {
		t.Errorf("answered %d, want that of the VirtualService", status)
	}
	if status, _ := send(t, m, client, "http://echo/"); status != http.StatusOK {
		t.Errorf("answered %d without the header", status)
	}
	if err := m.Delete(t.Context(), virtualService); err != nil {
		t.Fatal(err)
	}
	if err := m.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _ := send(t, m, client, "http://echo/", "x-teapot", "yes"); status != http.StatusOK {
		t.Errorf("answered %d after the VirtualService went", status)
	}
}

// TestWebhook expects Istio's webhook to refuse what is no good.
func TestWebhook(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	deploy(t, m, "webhook")
	bad := strings.ReplaceAll(string(manifest(t, "subset.yaml", "webhook")), "status: 418", "status: 1418")
	if err := m.Apply(t.Context(), []byte(bad)); err == nil || !strings.Contains(err.Error(), "denied the request") {
		t.Errorf("apply: %v", err)
	}
}

// TestGateway sends a request from outside, through an ingress gateway.
func TestGateway(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	deploy(t, m, "outside", manifest(t, "gateway.yaml", "outside"))
	gateway, err := m.Pod(t.Context(), "outside", "istio=gateway-outside")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		status, got := send(t, m, localmesh.Pod{}, "http://"+gateway.IP+"/", "Host", "echo.example.com")
		if status == http.StatusOK && got.Service == "echo" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("answered %d by %+v", status, got)
		}
	}
	if status, _ := send(t, m, localmesh.Pod{}, "http://"+gateway.IP+"/", "Host", "other.example.com"); status != http.StatusNotFound {
		t.Errorf("another host was answered by %d", status)
	}
}

// TestRollout changes the template of a Deployment, and expects new Pods in the
// place of the old ones, as users know it.
func TestRollout(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	client := deploy(t, m, "rollout")
	before, err := m.Pods(t.Context(), "rollout", "app=echo")
	if err != nil {
		t.Fatal(err)
	}
	patch := []byte(`{"spec":{"template":{"metadata":{"labels":{"version":"v2"}},"spec":{"containers":[{"name":"sample","env":[{"name":"VERSION","value":"v2"}]}]}}}}`)
	deployments := m.Kubernetes().AppsV1().Deployments("rollout")
	if _, err := deployments.Patch(t.Context(), "echo", types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(t.Context(), "rollout"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, got := send(t, m, client, "http://echo/"); got.Version == "v2" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("v2 does not answer")
		}
	}
	for i := range before {
		gone := false
		for !gone && time.Now().Before(deadline) {
			_, err := m.Kubernetes().CoreV1().Pods("rollout").Get(t.Context(), before[i].Name, metav1.GetOptions{})
			gone = err != nil
		}
		if !gone {
			t.Errorf("Pod %s is still there", before[i].Name)
		}
	}
}

// TestEviction evicts a Pod, and expects another in its place.
func TestEviction(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	deploy(t, m, "eviction")
	before, err := m.Pods(t.Context(), "eviction", "app=echo")
	if err != nil {
		t.Fatal(err)
	}
	evicted := before[0].Name
	if err := evict(t, m, &before[0]); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		if err := m.WaitReady(t.Context(), "eviction"); err != nil {
			t.Fatal(err)
		}
		after, err := m.Pods(t.Context(), "eviction", "app=echo")
		if err != nil {
			t.Fatal(err)
		}
		if len(after) == 2 && after[0].Name != evicted && after[1].Name != evicted {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are %d Pods, %s among them or too few", len(after), evicted)
		}
	}
}

func evict(t *testing.T, m *localmesh.Mesh, pod *corev1.Pod) error {
	t.Helper()
	return m.Kubernetes().CoreV1().Pods(pod.Namespace).EvictV1(t.Context(), &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
	})
}
