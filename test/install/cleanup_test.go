package install_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/gate"
)

// cleanup runs the command as an administrator.
func (c *cluster) cleanup(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.program, append([]string{"cleanup", "--kubeconfig", c.plane.Kubeconfig, "--drain-delay", "100ms"}, args...)...)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// TestCleanup: while an operator leads nothing is touched. After it is killed, its lease
// expires, and all its objects are deleted, except a subset that a user's route
// references, and the definition while there is a policy.
func TestCleanup(t *testing.T) {
	t.Parallel()
	c := open(t)
	before := c.state(t)
	c.install(t, values(map[string]any{"replicas": 1}))
	operator := c.startOperator(t)[0]
	c.policy(t)
	c.works(t)
	c.applyFile(t, "testdata/waiting.yaml")

	working := c.state(t)
	if said, err := c.cleanup(t, "--dry-run"); err != nil || !strings.Contains(said, "would delete VirtualService shop/service-0-overrides") || !strings.Contains(said, "would clear the status of OverridePolicy shop/mine") {
		t.Errorf("%v: %s", err, said)
	}
	if said, err := c.cleanup(t, "--lease-timeout", "1s"); err == nil || !strings.Contains(said, "an operator still leads") {
		t.Errorf("with a leading operator: %v: %s", err, said)
	}
	for _, change := range working.change(c.state(t)) {
		t.Error(change)
	}

	operator.killed(t)
	c.applyFile(t, "testdata/route.yaml")
	if said, err := c.cleanup(t); err == nil || !strings.Contains(said, "left DestinationRule shop/service-1-overrides: VirtualService shop/pinned has a route to a subset of it") {
		t.Errorf("a user's route: %v: %s", err, said)
	}
	if n, err := c.ours(t.Context()); err != nil || n != 1 {
		t.Errorf("%d objects are left, want the one that is named; %v", n, err)
	}
	waiting := c.kube.CoreV1().Pods(shop)
	if pod, err := waiting.Get(t.Context(), "waiting", metav1.GetOptions{}); err != nil || !gate.IsOpen(pod) {
		t.Errorf("the pod waits for a gate that nobody opens: %v, %+v", err, pod.Status)
	}
	check(t, waiting.Delete(t.Context(), "waiting", *metav1.NewDeleteOptions(0)))
	check(t, c.objects.Resource(virtualServices).Namespace(shop).Delete(t.Context(), "pinned", metav1.DeleteOptions{}))
	if said, err := c.cleanup(t, "--crd"); err == nil || !strings.Contains(said, "since there are objects of it: shop/mine") {
		t.Errorf("with a policy: %v: %s", err, said)
	}
	check(t, c.objects.Resource(policies).Namespace(shop).Delete(t.Context(), "mine", metav1.DeleteOptions{}))
	said, err := c.cleanup(t, "--crd")
	if err != nil || !strings.Contains(said, "deleted CustomResourceDefinition overridepolicies.overrides.mesh") {
		t.Errorf("without one: %v: %s", err, said)
	}
	// Helm's objects stay; of the operator's there is nothing left.
	eventually(t, "the definition to go", func(context.Context) string {
		for _, change := range before.change(c.state(t), helms...) {
			return change
		}
		return ""
	})
	if said, err := c.cleanup(t); err != nil || strings.Contains(said, "deleted V") {
		t.Errorf("with nothing left: %v: %s", err, said)
	}
}

// helms are the objects that the chart installs, by the prefixes of their names.
var helms = []string{
	"serviceaccounts overrides-system/", "clusterroles.rbac.authorization.k8s.io /overrides-", "clusterrolebindings.rbac.authorization.k8s.io /overrides-",
	"roles.rbac.authorization.k8s.io overrides-system/", "rolebindings.rbac.authorization.k8s.io overrides-system/", "deployments.apps overrides-system/",
	// The mesh configuration is read in Istio's root namespace.
	"roles.rbac.authorization.k8s.io istio-system/overrides-", "rolebindings.rbac.authorization.k8s.io istio-system/overrides-",
	"services overrides-system/", "poddisruptionbudgets.policy overrides-system/", "secrets overrides-system/sh.helm.release",
}

// TestCleanupTakenOver: an object that generate printed and a user applied is the user's,
// and so is one whose label a user also applied; one that a user has changed is the
// operator's.
func TestCleanupTakenOver(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.install(t, values(map[string]any{"replicas": 1}))
	operator := c.startOperator(t)[0]
	c.policy(t)
	c.works(t)
	operator.killed(t)
	c.applyFile(t, "testdata/printed.yaml")
	rules := c.objects.Resource(destinationRules).Namespace(shop)
	label := []byte(`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"service-0-overrides","labels":{"app.kubernetes.io/managed-by":"overrides"}}}`)
	_, err := rules.Patch(t.Context(), "service-0-overrides", types.ApplyPatchType, label, metav1.PatchOptions{FieldManager: "argocd"})
	check(t, err)
	policy := []byte(`{"spec":{"trafficPolicy":{"connectionPool":{"tcp":{"maxConnections":7}}}}}`)
	_, err = rules.Patch(t.Context(), "service-1-overrides", types.MergePatchType, policy, metav1.PatchOptions{FieldManager: "somebody"})
	check(t, err)
	said, err := c.cleanup(t)
	if err != nil {
		t.Errorf("%v: %s", err, said)
	}
	for name, why := range map[string]string{"service-0-overrides": "argocd has applied it", "printed-overrides": "localmesh has applied it"} {
		if want := "left DestinationRule shop/" + name + ": " + why; !strings.Contains(said, want) {
			t.Errorf("it says\n%s\nwant %q in it", said, want)
		}
		if _, err := rules.Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	}
	if n, err := c.ours(t.Context()); err != nil || n != 1 {
		t.Errorf("%d objects are left, want the one that is applied by somebody too; %v", n, err)
	}
}
