package install_test

import (
	"context"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/fleet"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/install/release"
)

const (
	// deadline limits every wait; tests that pass never reach it.
	deadline = 40 * time.Second
	// services is the number of Services, each with two versions.
	services = 3
	// system is the namespace of an ordinary installation.
	system = release.Namespace
	shop   = "shop"
)

var (
	virtualServices  = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	destinationRules = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
	policies         = schema.GroupVersionResource{Group: "overrides.mesh", Version: "v1alpha1", Resource: "overridepolicies"}
	definitions      = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until f returns "".
func eventually(t *testing.T, what string, f func(ctx context.Context) string) {
	t.Helper()
	programtest.Eventually(t, deadline, 50*time.Millisecond, what, f)
}

// cluster is a control plane for one test, with Istio's kinds, a namespace with Services,
// and users' objects.
type cluster struct {
	plane   *controlplane.Plane
	kube    *kubernetes.Clientset
	objects dynamic.Interface
	apply   *controlplane.Applier
	program string
}

func open(t *testing.T) *cluster {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes())
	plane, err := controlplane.Start(t.Context(), controlplane.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, plane.Stop()) })
	istio, err := controlplane.IstioCRDs(t.Context())
	check(t, err)
	check(t, plane.InstallCRDs(t.Context(), istio))
	c := &cluster{plane: plane, program: programtest.Overrides(t, "../..")}
	c.kube, err = kubernetes.NewForConfig(plane.Config)
	check(t, err)
	c.objects, err = dynamic.NewForConfig(plane.Config)
	check(t, err)
	c.apply, err = controlplane.NewApplier(plane.Config)
	check(t, err)
	for _, name := range []string{system, "istio-system"} {
		_, err := c.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		check(t, err)
	}
	check(t, fleet.Load(t.Context(), plane.Config, shop, services))
	label := []byte(`{"metadata":{"labels":{"overrides.mesh/enabled":"true"}}}`)
	_, err = c.kube.CoreV1().Namespaces().Patch(t.Context(), shop, types.MergePatchType, label, metav1.PatchOptions{})
	check(t, err)
	c.applyFile(t, "testdata/theirs.yaml")
	return c
}

func (c *cluster) applyFile(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	objects, err := controlplane.Decode(text)
	check(t, err)
	check(t, c.apply.Apply(t.Context(), objects...))
}
