package operator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// TestLostRights: an operator that loses its permissions while it runs reports this in
// its readiness and its log, and continues at once when it has them again.
func TestLostRights(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "lost")
	s.root(t)
	granted := applyRights(t, s.plane, "namespaced.yaml", "namespace: shop\n", "namespace: "+s.namespace+"\n", "name: overrides-operator", "name: overrides-lost")
	o := options(s.namespace)
	o.ProbeAddress = programtest.FreeAddress(t)
	r := run(t, impersonating(s.plane.Config, "system:serviceaccount:overrides-system:overrides-lost"), o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	readiness := func(want int, text string) {
		t.Helper()
		eventually(t, "readiness", func(context.Context) string {
			status, body := get(t, "http://"+o.ProbeAddress+"/readyz?verbose")
			if status == want && strings.Contains(body, text) {
				return ""
			}
			return body
		})
	}
	readiness(http.StatusOK, "")
	bindings := s.kube.RbacV1().RoleBindings(s.namespace)
	check(t, bindings.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	s.deploy(t, "v3")
	readiness(http.StatusInternalServerError, "rights failed")
	r.says(t, `msg="not allowed" right="patch destinationrules.networking.istio.io" namespace=`+s.namespace)
	for _, object := range granted {
		object.SetResourceVersion("")
		object.SetManagedFields(nil)
	}
	check(t, s.plane.Apply(t.Context(), granted...))
	s.converges(t, 2)
	readiness(http.StatusOK, "")
}
