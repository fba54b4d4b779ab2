package operator_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/localmesh/meter"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// TestMeshConfig: the operator follows changes of the mesh configurations of its
// revisions, and reads no other ConfigMap of the root namespace.
func TestMeshConfig(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "mesh")
	maps := s.kube.CoreV1().ConfigMaps(s.namespace)
	write := func(name, mesh string) {
		t.Helper()
		_, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"mesh": mesh}}, metav1.CreateOptions{})
		check(t, err)
	}
	proxy, err := meter.Start(t.Context(), s.config, t.TempDir())
	check(t, err)
	// It is a separate program, since metrics are of a whole process.
	metrics := programtest.FreeAddress(t)
	start(t, programtest.Overrides(t, "../.."), "--kubeconfig", proxy.Kubeconfig, "--namespaces", s.namespace, "--root-namespace", s.namespace,
		"--istio-revision", "canary", "--metrics-bind-address", metrics, "--health-probe-bind-address", "0")
	told := func(code string, want bool) {
		t.Helper()
		eventually(t, code, func(context.Context) string {
			_, body := get(t, "http://"+metrics+"/metrics")
			if got := strings.Contains(body, `overrides_diagnostics{code="`+code+`"`); got != want {
				return "it is told: " + map[bool]string{true: "yes", false: "no"}[got]
			}
			return ""
		})
	}
	write("istio", "defaultServiceExportTo: everybody")
	told("MeshConfigInvalid", true)
	_, err = maps.Patch(t.Context(), "istio", types.MergePatchType, []byte(`{"data":{"mesh":"defaultServiceExportTo: ['.']"}}`), metav1.PatchOptions{})
	check(t, err)
	told("MeshConfigInvalid", false)
	write("istio-other", "defaultServiceExportTo: everybody")
	write("istio-canary", "defaultServiceExportTo: ['*']")
	told("MeshConfigsDiffer", true)
	told("MeshConfigInvalid", false)
	check(t, maps.Delete(t.Context(), "istio-canary", metav1.DeleteOptions{}))
	told("MeshConfigsDiffer", false)
	for _, request := range proxy.Requests() {
		name := request.Query.Get("fieldSelector")
		if strings.HasSuffix(request.Path, "/configmaps") && name != "metadata.name=istio" && name != "metadata.name=istio-canary" {
			t.Errorf("asked for ConfigMaps: %s", request)
		}
	}
}
