package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/machine"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/localmesh/proxy"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

const syncNamespace = "sync"

// TestIstiodSync: an operator whose propagation delay would exceed the test places pins,
// because istiod reports when all proxies have their subsets; each Envoy has them by
// then; and while an Envoy is stopped, nothing is placed. Even with a short delay, no
// version is reported as overridable before each Envoy has the route. The operator has
// the permissions of config/install.
func TestIstiodSync(t *testing.T) {
	m := mesh(t)
	s := openSyncTest(t, m)
	t.Run("time tells nothing", s.told)
	t.Run("time would lie", func(t *testing.T) {
		s.start(t, "1s")
		s.routeStopped(t, "basket", "v4")
	})
}

// told tests an operator that would wait for an hour without istiod's reports.
func (s *syncTest) told(t *testing.T) {
	s.start(t, "1h")
	t.Run("all have it", func(t *testing.T) {
		s.apply(t, "cart-v2")
		s.awaitPin(t, "cart")
		s.awaitEvent(t, "cart", "v2")
	})
	t.Run("one is stopped", func(t *testing.T) {
		stopped := s.stopEnvoy(t, s.pods[1])
		s.apply(t, "basket-v2")
		await(t, "a proxy that lacks the subset", func() bool { return s.metric(t, `overrides_proxies{state="behind"}`) > 0 })
		asked := s.metric(t, `overrides_istiod_rounds_total{result="done"}`)
		await(t, "istiod to be asked often", func() bool { return s.metric(t, `overrides_istiod_rounds_total{result="done"}`) > asked+20 })
		if names := s.subsets(t, "basket"); names != nil {
			t.Errorf("subsets %v are named, though an Envoy can't have them", names)
		}
		if err := stopped.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		s.awaitPin(t, "basket")
		s.awaitEvent(t, "basket", "v2")
	})
	t.Run("they say so soon", func(t *testing.T) {
		for _, version := range []string{"v3", "v4", "v5", "v6"} {
			written := s.awaitRoute(t, "cart", version)
			t.Logf("%s: all have the route %v after it was written", version, s.awaitEvent(t, "cart", version).Sub(written))
		}
	})
	t.Run("one is stopped before it has the route", func(t *testing.T) {
		s.routeStopped(t, "basket", "v3")
	})
}

// syncTest is a shop with two callers.
type syncTest struct {
	mesh    *stage.Mesh
	pods    []localmesh.Pod
	metrics string
}

func openSyncTest(t *testing.T, m *stage.Mesh) *syncTest {
	t.Helper()
	s := &syncTest{mesh: m, metrics: programtest.FreeAddress(t)}
	s.apply(t, "shop")
	for _, name := range []string{"overrides", "istiod-sync"} {
		text, err := os.ReadFile(filepath.Join(root, "config/install", name+".yaml"))
		if err := errors.Join(err, m.Apply(t.Context(), rights(text))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(m.WaitReady(t.Context(), syncNamespace), m.Settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"caller-a", "caller-b"} {
		pod, err := m.Pod(t.Context(), syncNamespace, "app="+app)
		if err != nil {
			t.Fatal(err)
		}
		s.pods = append(s.pods, pod)
	}
	t.Cleanup(func() {
		if err := m.Kubernetes().CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), syncNamespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return s
}

// rights returns only the RBAC objects of a manifest: the mesh does not run the operator.
func rights(manifest []byte) []byte {
	documents := bytes.Split(manifest, []byte("\n---\n"))
	kind := regexp.MustCompile(`(?m)^kind: (Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$`)
	return bytes.Join(slices.DeleteFunc(documents, func(d []byte) bool { return !kind.Match(d) }), []byte("\n---\n"))
}

func (s *syncTest) apply(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/sync", name+".yaml"))
	if err := errors.Join(err, s.mesh.Apply(t.Context(), text)); err != nil {
		t.Fatal(err)
	}
}

// start starts an operator with exactly the identity of config/install.
func (s *syncTest) start(t *testing.T, wait string) {
	t.Helper()
	token, err := s.mesh.Kubernetes().CoreV1().ServiceAccounts("overrides-system").CreateToken(t.Context(), "overrides-operator",
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(s.mesh.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	istiod, err := s.mesh.Forward(t.Context(), localmesh.Pod{}, machine.NodeAddress+":15012")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), programs(t).Overrides, "operator", "--kubeconfig", kubeconfig, "--istiod-address", istiod,
		"--propagation-delay", wait, "--propagation-delay-max", "1h", "--drain-delay", "1h", "--metrics-bind-address", s.metrics, "--health-probe-bind-address", "0")
	p, err := process.Start(cmd, filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		if t.Failed() {
			t.Logf("operator:\n%s", p.Log())
		}
	})
	await(t, "the operator", func() bool { return s.metric(t, "overrides_leading") == 1 })
}

// awaitPin waits until the pin of a Service is placed, and checks that each Envoy then
// has the pin's subsets.
func (s *syncTest) awaitPin(t *testing.T, service string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(s.text())
		}
	}()
	var named []string
	await(t, "the pin of "+service, func() bool { named = s.subsets(t, service); return len(named) > 0 })
	for _, pod := range s.pods {
		clusters := s.admin(t, pod, "/clusters")
		for _, subset := range named {
			cluster := fmt.Sprintf("outbound|80|%s|%s.%s.svc.cluster.local", subset, service, syncNamespace)
			// A cluster has an address once the endpoints have arrived.
			if !strings.Contains(clusters, "\n"+cluster+"::10.") {
				t.Errorf("the Envoy of %s does not have %s", pod.Name, cluster)
			}
		}
	}
}

// subsets lists the subsets in Overrides' routes for a Service; nil without any.
func (s *syncTest) subsets(t *testing.T, service string) []string {
	t.Helper()
	var v istionetv1.VirtualService
	path := "/apis/networking.istio.io/v1/namespaces/" + syncNamespace + "/virtualservices/" + service + "-overrides"
	data, err := s.mesh.Kubernetes().Discovery().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
	if err != nil {
		return nil
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range v.Spec.GetHttp() {
		for _, r := range h.GetRoute() {
			if subset := r.GetDestination().GetSubset(); subset != "" {
				out = append(out, subset)
			}
		}
	}
	return out
}

// admin asks an Envoy's admin interface.
func (s *syncTest) admin(t *testing.T, pod localmesh.Pod, path string) string {
	t.Helper()
	client, err := s.mesh.Client(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	return get(t, client, fmt.Sprintf("http://127.0.0.1:%d%s", proxy.AdminPort, path))
}

// text returns the operator's own metrics.
func (s *syncTest) text() string {
	response, err := http.Get("http://" + s.metrics + "/metrics") //nolint:noctx // on loopback
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var out strings.Builder
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text := lines.Text(); strings.HasPrefix(text, "overrides_") {
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}

// metric returns a metric of the operator; -1 if it is missing.
func (s *syncTest) metric(t *testing.T, name string) float64 {
	t.Helper()
	for line := range strings.Lines(s.text()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	return -1
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	body, err := fetch(t.Context(), client, url)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// stopEnvoy stops the Envoy of a pod, and continues it at the end of the test at the
// latest.
func (s *syncTest) stopEnvoy(t *testing.T, pod localmesh.Pod) *os.Process {
	t.Helper()
	envoy := s.envoyOf(t, pod)
	if err := envoy.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = envoy.Signal(syscall.SIGCONT) })
	return envoy
}
