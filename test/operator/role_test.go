package operator_test

import (
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

const account = "system:serviceaccount:overrides-system:overrides-operator"

// impersonating is config for somebody who may do what was granted to them only.
func impersonating(config *rest.Config, user string) *rest.Config {
	out := rest.CopyConfig(config)
	out.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return out
}

// rights are the kinds that grant something, and those that are granted it.
var rights = []string{"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}

// applyRights applies what of a manifest of config/install says who may do what: no
// Deployment, since the tests run the operator themselves. It returns what it applied.
func applyRights(t *testing.T, plane *controlplane.Plane, file string, replace ...string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile("../../config/install/" + file)
	check(t, err)
	objects, err := controlplane.Decode([]byte(strings.NewReplacer(replace...).Replace(string(text))))
	check(t, err)
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return !slices.Contains(rights, o.GetKind()) })
	check(t, plane.Apply(t.Context(), objects...))
	return objects
}

// TestRoles: what the chart's roles allow is enough for everything, so that nothing is
// ever forbidden, and none of it is never used.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "roles")
	s.root(t)
	granted := applyRights(t, s.plane, "overrides.yaml")
	s.policy(t, "cart")
	o := options(s.namespace)
	o.LeaderElection, o.LeaseNamespace = true, "overrides-system"
	config := impersonating(s.config, account)
	requests := record(config)
	r := run(t, config, o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	s.hasCondition(t, "cart", condition{"Programmed", "True", "Programmed", ""})
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	s.remove(t, "v2")
	s.converges(t, 0)
	r.noneForbidden(t)
	for _, right := range requests.unused(t, granted) {
		t.Errorf("never used: %s", right)
	}
}

// TestNamespacedRole: in the namespaces that it is to manage, an operator needs
// nothing that holds for the whole cluster.
func TestNamespacedRole(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "namespaced")
	s.root(t)
	// For an account of its own: that of the manifest has other rights here, too.
	granted := applyRights(t, s.plane, "namespaced.yaml", "namespace: shop\n", "namespace: "+s.namespace+"\n", "name: overrides-operator", "name: overrides-narrow")
	for _, o := range granted {
		if strings.HasPrefix(o.GetKind(), "ClusterRole") {
			t.Errorf("there is %s %s", o.GetKind(), o.GetName())
		}
	}
	r := run(t, impersonating(s.config, "system:serviceaccount:overrides-system:overrides-narrow"), options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	r.stop()
	for _, request := range r.meter.Requests() {
		// What is in no namespace is asked for, and done without.
		if request.Status == http.StatusForbidden && !slices.Contains(inNone, path.Base(request.Path)) {
			t.Errorf("forbidden: %s", request)
		}
	}
}

// inNone are the kinds of which an operator of some namespaces may see nothing.
var inNone = []string{"namespaces", "customresourcedefinitions", "mutatingwebhookconfigurations"}

// root makes Istio's root namespace, if no other test has.
func (s *shop) root(t *testing.T) {
	t.Helper()
	root := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "istio-system"}}
	if _, err := s.kube.CoreV1().Namespaces().Create(t.Context(), root, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
}

// TestOlderRoles: with the roles of an older release an operator does without what it
// may not list, says so once for each kind, and goes on.
func TestOlderRoles(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "older-roles")
	s.root(t)
	const older = "overrides-older"
	applyRights(t, s.plane, "overrides.yaml", "name: overrides-operator", "name: "+older,
		"[ingresses]", "[ingressclasses]", "[configmaps]", "[endpoints]", "gateways, sidecars, serviceentries, workloadentries", "gateways",
		"[mutatingwebhookconfigurations]", "[validatingwebhookconfigurations]")
	o := options("")
	o.Namespaces, o.AllNamespaces = nil, false
	r := run(t, impersonating(s.config, "system:serviceaccount:overrides-system:"+older), o)
	s.label(t, "true")
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	r.stop()
	for _, kind := range []string{"Ingress", "ConfigMap", "Sidecar", "ServiceEntry", "WorkloadEntry", "MutatingWebhookConfiguration"} {
		if n := strings.Count(r.log.String(), "done without\" kind="+kind+" ") + strings.Count(r.log.String(), "done without\" kind=\""+kind+" "); n != 1 {
			t.Errorf("%s: is said %d times to be done without", kind, n)
		}
	}
}

// noneForbidden fails t for each request that was not allowed.
func (r *running) noneForbidden(t *testing.T) {
	t.Helper()
	for _, request := range r.meter.Requests() {
		if request.Status == http.StatusForbidden {
			t.Errorf("forbidden: %s", request)
		}
	}
	if strings.Contains(r.log.String(), "forbidden") {
		t.Error("something was forbidden")
	}
}
