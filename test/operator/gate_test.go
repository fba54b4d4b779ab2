package operator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/operator"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// openGated opens a shop, with a webhook and an operator that has configured it.
func openGated(t *testing.T, name string) (*shop, *webhook, *running) {
	t.Helper()
	s := openShop(t, sharedPlane(t), name)
	hook := s.installWebhook(t, name)
	r := run(t, s.config, hook.options(s.namespace))
	s.awaitGates(t)
	return s, hook, r
}

// TestReadinessGate: a pod that is not released is created with a gate, which opens when
// ordinary traffic is pinned and the subset of its version exists; others are created
// without.
func TestReadinessGate(t *testing.T) {
	t.Parallel()
	s, _, r := openGated(t, "gate")
	s.deploy(t, "v2")
	if !gate.Has(s.preview(t)) {
		t.Fatal("the pod came without a gate")
	}
	s.opens(t, gate.Pinned)
	s.ready(t, "v2", true)
	s.converges(t, 2)
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	want := []string{
		"PATCH destinationrules/cart-overrides", "PATCH virtualservices/cart-overrides",
		"PATCH pods/" + pod("v2") + "/status", "PATCH virtualservices/cart-overrides",
	}
	// The operator may have seen the Deployment before its pod, or with it.
	if diff := cmp.Diff(want, slices.Compact(r.patches())); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	tests := []struct {
		name   string
		labels map[string]string
		gates  []corev1.PodReadinessGate
		want   int
	}{
		{name: "another pod of a preview", labels: map[string]string{"app": "cart", "version": "v2"}, want: 1},
		{name: "a preview's first", labels: map[string]string{"app": "cart", "version": "v3"}, want: 1},
		{name: "without a version", labels: map[string]string{"app": "cart"}, want: 1},
		{name: "of the released version", labels: map[string]string{"app": "cart", "version": "v1"}},
		{name: "behind no Service", labels: map[string]string{"app": "other", "version": "v2"}},
		{name: "without labels"},
		{
			name: "with the gate already", labels: map[string]string{"app": "cart", "version": "v2"},
			gates: []corev1.PodReadinessGate{{ConditionType: gate.Condition}}, want: 1,
		},
		{
			name: "with a gate of its own", labels: map[string]string{"app": "cart", "version": "v2"},
			gates: []corev1.PodReadinessGate{{ConditionType: "example.com/in"}}, want: 2,
		},
	}
	for _, test := range tests {
		if got := len(s.dryRun(t, test.labels, test.gates)); got != test.want {
			t.Errorf("%s: %d readiness gates, want %d", test.name, got, test.want)
		}
	}
}

// TestNoReadinessGate: without the flag, there is nothing of the gate.
func TestNoReadinessGate(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "nogate")
	s.installWebhook(t, "nogate")
	r := run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.converges(t, 2)
	if gate.Has(s.preview(t)) {
		t.Error("the pod came with a gate")
	}
	for _, request := range r.meter.Requests() {
		if request.Query.Get("labelSelector") == "istio.io/tag" {
			continue // Istio's
		}
		if strings.Contains(request.Path, "secrets") || strings.Contains(request.Path, "webhook") || strings.HasSuffix(request.Path, "/status") {
			t.Errorf("asked for %s", request)
		}
	}
}

// TestKilledWhileAPodWaits: a pod keeps waiting while there is no operator, and the next
// operator opens its gate, once the pin has been in place for its propagation delay.
func TestKilledWhileAPodWaits(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "killed")
	hook := s.installWebhook(t, "killed")
	path := programtest.Overrides(t, "../..")
	args := append(hook.args(s), "--propagation-delay", "1h")
	first := start(t, path, args...)
	s.awaitGates(t)
	s.deploy(t, "v2")
	s.placesSomething(t)
	first.killed(t)
	if pod := s.preview(t); !gate.Waits(pod) {
		t.Fatalf("the pod does not wait: %v", pod.Status.Conditions)
	}
	// While no operator answers, pods are created even so.
	if gates := s.dryRun(t, map[string]string{"app": "cart", "version": "v2"}, nil); len(gates) > 0 {
		t.Errorf("the webhook answers still: %v", gates)
	}
	start(t, path, append(hook.args(s), "--propagation-delay", "200ms", "--drain-delay", "200ms")...)
	s.opens(t, gate.Pinned)
	s.ready(t, "v2", true)
	s.converges(t, 2)
}

// TestGateOfSeveralReplicas: a replica that does not lead also adds the gate to pods, and
// opens it once it leads.
func TestGateOfSeveralReplicas(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "replicas")
	hook := s.installWebhook(t, "replicas")
	elsewhere := *hook
	elsewhere.address = programtest.FreeAddress(t)
	path := programtest.Overrides(t, "../..")
	lease := []string{"--leader-elect", "--lease-namespace", s.namespace}
	// Its wait exceeds the test's, and the webhook does not call it.
	leader := start(t, path, slices.Concat(elsewhere.args(s), lease, []string{"--propagation-delay", "1h"})...)
	awaitLeader(t, leader)
	other := start(t, path, slices.Concat(hook.args(s), lease, []string{"--propagation-delay", "200ms", "--drain-delay", "200ms"})...)
	s.awaitGates(t)
	s.deploy(t, "v2")
	if !gate.Waits(s.preview(t)) {
		t.Fatal("the pod does not wait")
	}
	if other.leads() {
		t.Fatal("both lead")
	}
	leader.killed(t)
	s.opens(t, gate.Pinned)
	s.converges(t, 2)
}

// TestGateOfUnmanagedNamespace: no pod waits in a namespace that is no longer managed.
func TestGateOfUnmanagedNamespace(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "unmanaged")
	hook := s.installWebhook(t, "unmanaged")
	s.label(t, "true")
	o := hook.options(s.namespace)
	o.Namespaces, o.Plan.PropagationDelay = nil, time.Hour
	run(t, s.config, o)
	s.awaitGates(t)
	s.deploy(t, "v2")
	s.placesSomething(t)
	if !gate.Waits(s.preview(t)) {
		t.Fatal("the pod does not wait")
	}
	s.label(t, "false")
	s.opens(t, gate.NothingToPin)
}

// TestGateOpensWithoutPin: a pod that no longer needs a pin does not wait for one.
func TestGateOpensWithoutPin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(t *testing.T, s *shop)
	}{
		{"the Service opts out", func(t *testing.T, s *shop) {
			t.Helper()
			s.annotate(t, "overrides.mesh/managed", "false")
		}},
		{"the version is released", func(t *testing.T, s *shop) {
			t.Helper()
			s.annotate(t, "overrides.mesh/released", "v1,v2")
		}},
		{"the Service goes", func(t *testing.T, s *shop) {
			t.Helper()
			check(t, s.kube.CoreV1().Services(s.namespace).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
		}},
		{"the pod leaves the Service", func(t *testing.T, s *shop) {
			t.Helper()
			patch := []byte(`{"metadata":{"labels":{"app":"other"}}}`)
			_, err := s.kube.CoreV1().Pods(s.namespace).Patch(t.Context(), pod("v2"), types.MergePatchType, patch, metav1.PatchOptions{})
			check(t, err)
		}},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, sharedPlane(t), "unpinned")
			hook := s.installWebhook(t, fmt.Sprintf("unpinned-%d", i))
			o := hook.options(s.namespace)
			o.Plan.PropagationDelay = time.Hour
			run(t, s.config, o)
			s.awaitGates(t)
			s.deploy(t, "v2")
			s.placesSomething(t)
			if !gate.Waits(s.preview(t)) {
				t.Fatal("the pod does not wait")
			}
			test.change(t, s)
			s.opens(t, gate.NothingToPin)
		})
	}
}

// TestGateTimeout: with a timeout the gate opens for a pod that traffic can't be pinned
// away from, and this is reported.
func TestGateTimeout(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "timeout")
	hook := s.installWebhook(t, "timeout")
	o := hook.options(s.namespace)
	o.Plan.PropagationDelay, o.Gate.Timeout = time.Hour, 300*time.Millisecond
	run(t, s.config, o)
	s.awaitGates(t)
	s.deploy(t, "v2")
	s.opens(t, gate.ReadyUnpinned)
	eventually(t, "the Event", func(ctx context.Context) string {
		list, err := s.kube.EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		for _, e := range list.Items {
			if e.Regarding.Kind == "Pod" && e.Regarding.Name == pod("v2") && e.Reason == string(gate.ReadyUnpinned) && e.Type == corev1.EventTypeWarning {
				return ""
			}
		}
		return "there is none"
	})
}

// TestGateRoles: the chart's roles suffice for the gate too.
func TestGateRoles(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "gateroles")
	s.root(t)
	for _, file := range []string{"overrides", "readiness-gate"} {
		applyRights(t, s.plane, file+".yaml")
	}
	hook := s.installWebhook(t, "")
	o := hook.options(s.namespace)
	r := run(t, impersonating(s.plane.Config, account), o)
	s.awaitGates(t)
	s.deploy(t, "v2")
	s.opens(t, gate.Pinned)
	r.noneForbidden(t)
}

// TestCertificates: they are created if missing, renewed before they expire, and the API
// server is always answered.
func TestCertificates(t *testing.T) {
	t.Parallel()
	s, hook, r := openGated(t, "certificates")
	first := hook.secret(t, s)
	hook.replace(t, s, endingSoon(t, first, hook))
	eventually(t, "another certificate of the same authority", func(context.Context) string {
		now := hook.secret(t, s)
		if string(now["ca.crt"]) != string(first["ca.crt"]) {
			t.Fatal("the authority has changed")
		}
		if remains := lifetime(t, now["tls.crt"]); remains < 90*24*time.Hour {
			return fmt.Sprintf("it ends in %v", remains)
		}
		return ""
	})
	s.awaitGates(t)
	hook.replace(t, s, nil)
	eventually(t, "another authority", func(ctx context.Context) string {
		now := hook.secret(t, s)
		if len(now["tls.crt"]) == 0 || string(now["ca.crt"]) == string(first["ca.crt"]) {
			return "not made"
		}
		if string(now["ca.crt"]) != hook.bundle(ctx, t, s) {
			return "not what the API server trusts"
		}
		return ""
	})
	s.awaitGates(t)
	for _, request := range r.meter.Requests() {
		if strings.HasSuffix(request.Path, "/secrets") && request.Query.Get("fieldSelector") == "" {
			t.Errorf("all Secrets were asked for: %s", request)
		}
	}
}

// TestFaultsOfCertificates: an operator without its Secret keeps routing, and uses the
// Secret when it appears.
func TestFaultsOfCertificates(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "nosecret")
	hook := s.installWebhook(t, "nosecret")
	secrets := s.kube.CoreV1().Secrets(hook.namespace)
	check(t, secrets.Delete(t.Context(), hook.name, metav1.DeleteOptions{}))
	o := hook.options(s.namespace)
	o.ProbeAddress = programtest.FreeAddress(t)
	run(t, s.config, o)
	s.deploy(t, "v2")
	s.converges(t, 2)
	if gate.Has(s.preview(t)) {
		t.Error("the pod came with a gate")
	}
	if status, body := get(t, "http://"+o.ProbeAddress+"/readyz"); status != 500 {
		t.Errorf("ready without a certificate: %d %s", status, body)
	}
	_, err := secrets.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: hook.name}}, metav1.CreateOptions{})
	check(t, err)
	s.awaitGates(t)
	if status, body := get(t, "http://"+o.ProbeAddress+"/readyz"); status != 200 {
		t.Errorf("not ready: %d %s", status, body)
	}
}

// placesSomething waits until the operator has written an object.
func (s *shop) placesSomething(t *testing.T) {
	t.Helper()
	eventually(t, "the subset", func(ctx context.Context) string {
		if objects, err := s.present(ctx); err != nil || len(objects) == 0 {
			return fmt.Sprintf("there is nothing yet: %v", err)
		}
		return ""
	})
}

// patches lists what the operator has applied in its namespace.
func (r *running) patches() []string {
	var out []string
	for _, request := range r.meter.Requests() {
		_, path, found := strings.Cut(request.Path, "/namespaces/")
		if _, path, _ = strings.Cut(path, "/"); found && request.Method == "PATCH" && !strings.HasPrefix(path, "events") {
			out = append(out, request.Method+" "+path)
		}
	}
	return out
}

// options are those of an operator with this webhook.
func (h *webhook) options(namespace string) operator.Options {
	o := options(namespace)
	o.Gate.Enabled, o.Gate.Address, o.Gate.Namespace = true, h.address, h.namespace
	o.Gate.Secret, o.Gate.Configuration, o.Gate.Hosts = h.name, h.configuration, []string{"localhost"}
	return o
}
