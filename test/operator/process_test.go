package operator_test

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// instance is an operator that runs as a program.
type instance struct{ *process.Process }

func start(t *testing.T, path string, args ...string) instance {
	t.Helper()
	p, err := process.Start(exec.CommandContext(t.Context(), path, append([]string{"operator"}, args...)...), filepath.Join(t.TempDir(), "log"))
	check(t, err)
	t.Cleanup(func() {
		_ = p.Kill()
		if t.Failed() {
			t.Logf("operator %d:\n%s", p.ID(), p.Log())
		}
	})
	return instance{p}
}

// killed kills it, and fails t if it has already ended.
func (p instance) killed(t *testing.T) {
	t.Helper()
	check(t, p.Kill())
	if p.State().Exited() {
		t.Errorf("it had ended before it was killed: %v", p.State())
	}
}

func (p instance) leads() bool { return strings.Contains(p.Log(), "msg=reconciling") }

// awaitLeader waits until one of instances leads.
func awaitLeader(t *testing.T, instances ...instance) instance {
	t.Helper()
	var leader instance
	eventually(t, "a leader", func(context.Context) string {
		for _, p := range instances {
			if p.leads() {
				leader = p
				return ""
			}
		}
		return "nobody leads"
	})
	return leader
}

// TestHandover: of two operators one writes. When it is killed the other continues, and
// when that one is terminated it ends in order, and hands over at once.
func TestHandover(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "handover")
	path := programtest.Overrides(t, "../..")
	args := []string{
		"--kubeconfig", s.kubeconfig, "--namespaces", s.namespace, "--leader-elect", "--lease-namespace", s.namespace,
		"--propagation-delay", "200ms", "--drain-delay", "200ms", "--metrics-bind-address", "0", "--health-probe-bind-address", "0",
	}
	one, two := start(t, path, args...), start(t, path, args...)
	leader := awaitLeader(t, one, two)
	other := one
	if leader == one {
		other = two
	}
	s.deploy(t, "v2")
	s.converges(t, 2)
	if other.leads() {
		t.Fatal("both lead")
	}
	s.statusSays(t, path, " leads\n", "yes        partly   1/1     v1            ")
	began := time.Now()
	leader.killed(t)
	s.ready(t, "v2", true)
	awaitLeader(t, other)
	t.Logf("leader killed → the other leads: %v", time.Since(began).Round(time.Millisecond))
	s.converges(t, 2)
	third := start(t, path, args...)
	s.deploy(t, "v3")
	s.converges(t, 2)
	began = time.Now()
	check(t, other.Stop())
	if !other.State().Success() {
		t.Errorf("after SIGTERM: %v", other.State())
	}
	awaitLeader(t, third)
	t.Logf("leader terminated → another leads: %v", time.Since(began).Round(time.Millisecond))
	s.remove(t, "v2")
	s.converges(t, 2)
}

// statusSays runs the status command.
func (s *shop) statusSays(t *testing.T, path string, want ...string) {
	t.Helper()
	status := exec.CommandContext(t.Context(), path, "status", "--kubeconfig", s.plane.Kubeconfig, "-n", s.namespace, "--lease-namespace", s.namespace)
	output, err := status.CombinedOutput()
	if err != nil {
		t.Errorf("status: %v", err)
	}
	for _, text := range want {
		if !strings.Contains(string(output), text) {
			t.Errorf("status says\n%swant %q in it", output, text)
		}
	}
}

// TestProbesAndMetrics reads the probes and metrics of a running program.
func TestProbesAndMetrics(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "probes")
	// Ports that are free now; all connections are on loopback.
	probe, metrics := programtest.FreeAddress(t), programtest.FreeAddress(t)
	start(t, programtest.Overrides(t, "../.."), "--kubeconfig", s.kubeconfig, "--namespaces", s.namespace,
		"--propagation-delay", "100ms", "--drain-delay", "100ms", "--metrics-bind-address", metrics, "--health-probe-bind-address", probe)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, "http://"+probe+path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	eventually(t, "metrics", func(context.Context) string {
		_, body := get(t, "http://"+metrics+"/metrics")
		for _, want := range []string{
			`overrides_services{state="Managed"} 1`, "overrides_versions 2", "overrides_versions_routed 2",
			`overrides_writes_total{action="create",kind="VirtualService",result="done"} 1`, "overrides_route_placed_seconds_count 2",
			"overrides_reconcile_duration_seconds_count", "overrides_leading 1",
			`overrides_service_pinned{name="cart",namespace="` + s.namespace + `"} 1`, `overrides_service_ready_pods{name="cart",namespace="` + s.namespace + `"} 1`,
		} {
			if !strings.Contains(body, want) {
				return "no " + want
			}
		}
		return ""
	})
}

// TestDryRun: everything is validated and logged, nothing is stored.
func TestDryRun(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "dryrun")
	o := options(s.namespace)
	o.DryRun = true
	s.deploy(t, "v2")
	r := run(t, s.config, o)
	eventually(t, "the log", func(context.Context) string {
		if !strings.Contains(r.log.String(), `msg="would write" action=create object="DestinationRule `+s.namespace+`/cart-overrides"`) {
			return "nothing would be written"
		}
		return ""
	})
	if objects, err := s.present(t.Context()); err != nil || len(objects) > 0 {
		t.Errorf("there is %v, %v", objects, err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	check(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}
