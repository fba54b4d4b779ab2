package install_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPlain: without Helm, the manifests of config/install have the same effect, and the
// additional ones can be applied after the first.
func TestPlain(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.applyFile(t, "../../config/crd/overrides.mesh_overridepolicies.yaml")
	c.applyFile(t, "../../config/install/overrides.yaml")
	c.policy(t)
	operators := c.startOperator(t)
	c.works(t)
	operators[0].forbidden(t)
	for _, add := range []string{"readiness-gate", "istiod-sync", "without-gateway-policies", "namespaced"} {
		c.applyFile(t, "../../config/install/"+add+".yaml")
	}
	for _, p := range operators {
		p.killed(t)
	}
	check(t, c.kube.AppsV1().Deployments(system).Delete(t.Context(), "overrides-operator", metav1.DeleteOptions{}))
	if said, err := c.cleanup(t); err != nil {
		t.Errorf("cleanup: %v: %s", err, said)
	}
	if n, err := c.ours(t.Context()); err != nil || n != 0 {
		t.Errorf("%d objects are left, %v", n, err)
	}
}
