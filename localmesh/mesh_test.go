package localmesh_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh"
)

// answer is the sample's answer.
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
	status, got, err := request(t.Context(), client, url, header)
	if err != nil {
		t.Fatal(err)
	}
	return status, got
}

// request makes a request with a header, given as pairs of names and values.
func request(ctx context.Context, client *http.Client, url string, header []string) (int, answer, error) {
	var got answer
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, got, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	r.Host = r.Header.Get("Host")
	response, err := client.Do(r)
	if err != nil {
		return 0, got, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		err = json.NewDecoder(response.Body).Decode(&got)
	}
	return response.StatusCode, got, err
}

// TestSidecar sends requests through a sidecar that istiod configures: with a
// VirtualService, and without it again.
func TestSidecar(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	client := deploy(t, m, "sidecar")
	status, got := send(t, m, client, "http://echo/some/path", "x-teapot", "yes")
	if status != http.StatusOK || got.Service != "echo" || got.Version != "v1" {
		t.Errorf("answered %d by %+v", status, got)
	}
	// The request has the proxy's header: it went through the proxy.
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

// TestWebhook checks that Istio's webhook rejects invalid objects.
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
	eventually(t, "the gateway leads to the echo server", func(context.Context) bool {
		status, got := send(t, m, localmesh.Pod{}, "http://"+gateway.IP+"/", "Host", "echo.example.com")
		return status == http.StatusOK && got.Service == "echo"
	})
	if status, _ := send(t, m, localmesh.Pod{}, "http://"+gateway.IP+"/", "Host", "other.example.com"); status != http.StatusNotFound {
		t.Errorf("another host was answered by %d", status)
	}
}

// TestRollout changes the template of a Deployment under a steady load, and expects new
// Pods instead of the old ones, and no lost request.
func TestRollout(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	client := deploy(t, m, "rollout")
	before, err := m.Pods(t.Context(), "rollout", "app=echo")
	if err != nil {
		t.Fatal(err)
	}
	running := load.Start(t.Context(), load.Source{Name: "ordinary", Rate: 50, Send: sender(t, m, client)})
	patch := []byte(`{"spec":{"template":{"metadata":{"labels":{"version":"v2"}},"spec":{"containers":[{"name":"sample","env":[{"name":"VERSION","value":"v2"}]}]}}}}`)
	deployments := m.Kubernetes().AppsV1().Deployments("rollout")
	if _, err := deployments.Patch(t.Context(), "echo", types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(t.Context(), "rollout"); err != nil {
		t.Fatal(err)
	}
	for i := range before {
		eventually(t, before[i].Name+" is gone", func(ctx context.Context) bool {
			_, err := m.Kubernetes().CoreV1().Pods("rollout").Get(ctx, before[i].Name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	}
	eventually(t, "v2 answers", func(context.Context) bool { return running.Counts()[0].Answers["v2"] > 0 })
	count := running.Stop()[0]
	t.Log(count.String())
	if !count.OK() || count.Answers["v1"] == 0 {
		t.Error("requests were lost, or none was sent in time")
	}
}

// sender sends requests to the echo server, and returns the version that answers.
func sender(t *testing.T, m *localmesh.Mesh, from localmesh.Pod) func(context.Context) (string, error) {
	t.Helper()
	client, err := m.Client(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return func(ctx context.Context) (string, error) {
		status, got, err := request(ctx, client, "http://echo/", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("answered %d", status)
		}
		return got.Version, err
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return condition(ctx), nil
	})
	if err != nil {
		t.Fatalf("it does not come about that %s: %v", what, err)
	}
}

// TestEviction evicts a Pod, and expects another instead.
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
	eventually(t, "another Pod stands in the place of the evicted one", func(ctx context.Context) bool {
		after, err := m.Pods(ctx, "eviction", "app=echo")
		return err == nil && len(after) == 2 && after[0].Name != evicted && after[1].Name != evicted &&
			localmesh.Ready(&after[0]) && localmesh.Ready(&after[1])
	})
}

func evict(t *testing.T, m *localmesh.Mesh, pod *corev1.Pod) error {
	t.Helper()
	return m.Kubernetes().CoreV1().Pods(pod.Namespace).EvictV1(t.Context(), &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
	})
}
