package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/demo/chain/chaintest"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// gateNamespaces are the namespaces of this file's tests.
var gateNamespaces = []string{"gate-on", "gate-down", "gate-off"}

// ordinaryRate is the number of ordinary requests per second.
const ordinaryRate = 200

// TestGate deploys a preview that is ready at once, under a load of ordinary requests:
// with the readiness gate none of them reaches it, even if the operator is killed before
// it has pinned traffic. Without the gate the test counts them.
func TestGate(t *testing.T) {
	m := mesh(t)
	t.Run("with the gate", func(t *testing.T) {
		g := openGateTest(t, m, "gate-on", true)
		g.start(t)
		g.awaitWebhook(t)
		took := g.preview(t, func() {})
		g.never(t)
		t.Logf("the preview was ready after %v", took)
	})
	t.Run("killed while the preview starts", func(t *testing.T) {
		g := openGateTest(t, m, "gate-down", true)
		kill := g.start(t)
		g.awaitWebhook(t)
		took := g.preview(t, func() {
			kill()
			g.eventually(t, "its containers are ready", func(pod *corev1.Pod) bool { return is(pod, corev1.ContainersReady) })
			sent := g.sent()
			await(t, "two seconds' worth of requests", func() bool { return g.sent() >= sent+2*ordinaryRate })
			if pod := g.pod(t); localmesh.Ready(pod) || !gate.Waits(pod) {
				t.Errorf("the pod does not wait: %v", pod.Status.Conditions)
			}
			g.start(t)
		})
		g.never(t)
		t.Logf("the preview was ready after %v", took)
	})
	t.Run("without", func(t *testing.T) {
		g := openGateTest(t, m, "gate-off", false)
		g.start(t)
		took := g.preview(t, func() {})
		count := g.stop()
		t.Logf("the preview was ready after %v; %s", took, count)
		if count.Failed > 0 {
			t.Errorf("ordinary requests failed: %s", count)
		}
	})
}

// gateTest is a shop under load, and its operator.
type gateTest struct {
	mesh      *stage.Mesh
	namespace string
	// args are flags of the operator.
	args   []string
	client *http.Client
	load   *load.Load
}

func openGateTest(t *testing.T, m *stage.Mesh, namespace string, gated bool) *gateTest {
	t.Helper()
	g := &gateTest{mesh: m, namespace: namespace}
	if gated {
		g.args = g.webhook(t)
	}
	if err := errors.Join(m.Apply(t.Context(), g.manifest(t, "shop")), m.WaitReady(t.Context(), namespace), m.Settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	caller, err := m.Pod(t.Context(), namespace, "app=caller")
	if err != nil {
		t.Fatal(err)
	}
	if g.client, err = m.Client(t.Context(), caller); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gateTest) manifest(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/gate", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(text, []byte("NAMESPACE"), []byte(g.namespace))
}

// webhook installs the objects of config/install for one namespace, and returns the
// operator's flags for it. The API server calls the webhook on its own loopback.
func (g *gateTest) webhook(t *testing.T) []string {
	t.Helper()
	address := programtest.FreeAddress(t)
	inside, err := g.mesh.Expose(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "config/install/readiness-gate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	documents := bytes.Split(text, []byte("---\n"))
	var config registrationv1.MutatingWebhookConfiguration
	if err := yaml.Unmarshal(documents[len(documents)-1], &config); err != nil {
		t.Fatal(err)
	}
	config.Name += "-" + g.namespace
	url := "https://" + strings.Replace(inside, "127.0.0.1", "localhost", 1) + *config.Webhooks[0].ClientConfig.Service.Path
	config.Webhooks[0].ClientConfig = registrationv1.WebhookClientConfig{URL: &url}
	config.Webhooks[0].NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: g.namespace}}
	kube := g.mesh.Kubernetes()
	_, err = kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(t.Context(), &config, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "overrides-webhook"}}
	if _, err := kube.CoreV1().Secrets(g.namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return []string{
		"--readiness-gate", "--webhook-bind-address", address, "--webhook-namespace", g.namespace,
		"--webhook-configuration", config.Name, "--webhook-host", "localhost",
	}
}

// start starts the operator, and returns a function that kills it.
func (g *gateTest) start(t *testing.T) (kill func()) {
	t.Helper()
	return operate(t, g.mesh, g.namespace, g.args...)
}

// operate starts an operator of namespaces, with more flags, and returns a function that kills
// it. It ends with the test.
func operate(t *testing.T, m *stage.Mesh, namespaces string, flags ...string) (kill func()) {
	t.Helper()
	args := append([]string{
		"operator", "--kubeconfig", m.Kubeconfig, "--namespaces", namespaces, "--metrics-bind-address", "0", "--health-probe-bind-address", "0",
	}, flags...)
	cmd := exec.CommandContext(t.Context(), programs(t).Overrides, args...)
	p, err := process.Start(cmd, filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = p.Kill() }
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("operator:\n%s", p.Log())
		}
	})
	return kill
}

// awaitWebhook waits until a preview would be created with a gate.
func (g *gateTest) awaitWebhook(t *testing.T) {
	t.Helper()
	await(t, "the webhook", func() bool {
		pod, err := g.mesh.Kubernetes().CoreV1().Pods(g.namespace).Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: map[string]string{"app": "cart", "version": "probe"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "sample", Image: "sample"}}},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && gate.Has(pod)
	})
}

// preview deploys the preview under load, calls meanwhile once its pod exists, and waits
// until requests can ask for it. It returns how long its pod took to become ready.
func (g *gateTest) preview(t *testing.T, meanwhile func()) time.Duration {
	t.Helper()
	g.load = load.Start(t.Context(), load.Source{
		Name: "ordinary", Rate: ordinaryRate,
		Send: func(ctx context.Context) (string, error) { return g.send(ctx, "") },
		Want: func(answer string) bool { return answer == "v1" },
	})
	await(t, "the load", func() bool { return g.sent() > ordinaryRate })
	if err := g.mesh.Apply(t.Context(), g.manifest(t, "preview")); err != nil {
		t.Fatal(err)
	}
	g.eventually(t, "its pod", func(*corev1.Pod) bool { return true })
	began := time.Now()
	meanwhile()
	g.eventually(t, "it is ready", localmesh.Ready)
	took := time.Since(began).Round(10 * time.Millisecond)
	await(t, "requests for v2 are served by it", func() bool {
		answer, err := g.send(t.Context(), "cart:v2")
		return err == nil && answer == "v2"
	})
	// By then, proxies have done everything wrong that they still may do.
	sent := g.sent()
	await(t, "further requests", func() bool { return g.sent() >= sent+2*ordinaryRate })
	return took
}

func (g *gateTest) send(ctx context.Context, override string) (string, error) {
	return askVersion(ctx, g.client, "cart", override)
}

// askVersion returns the version that serves a request, with an override or none.
func askVersion(ctx context.Context, client *http.Client, service, override string) (string, error) {
	return chaintest.Version(ctx, client, "http://"+service+"/", override)
}

// sent counts ordinary requests.
func (g *gateTest) sent() int { return g.load.Counts()[0].Sent }

// stop ends the load and returns its results.
func (g *gateTest) stop() *load.Count { return &g.load.Stop()[0] }

// never fails t if an ordinary request failed or reached the preview.
func (g *gateTest) never(t *testing.T) {
	t.Helper()
	count := g.stop()
	t.Log(count)
	if !count.OK() {
		t.Errorf("ordinary requests failed, or reached the preview: %s", count)
	}
}

// pod is the preview's pod, nil for none.
func (g *gateTest) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	pods, err := g.mesh.Pods(t.Context(), g.namespace, "version=v2")
	if err != nil {
		t.Fatal(err)
	}
	if len(pods) == 0 {
		return nil
	}
	return &pods[0]
}

func (g *gateTest) eventually(t *testing.T, what string, so func(*corev1.Pod) bool) {
	t.Helper()
	await(t, what, func() bool {
		pod := g.pod(t)
		return pod != nil && so(pod)
	})
}

func is(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// await waits until a condition holds.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for: %s", what)
		case <-ticker.C:
		}
	}
}
