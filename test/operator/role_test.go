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

// impersonating is config for a user who has only explicitly granted permissions.
func impersonating(config *rest.Config, user string) *rest.Config {
	out := rest.CopyConfig(config)
	out.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return out
}

// rights are the kinds that grant permissions, and their subjects.
var rights = []string{"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}

// applyRights applies the RBAC objects of a manifest in config/install: no Deployment,
// since the tests run the operator themselves. It returns the applied objects.
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

// TestRoles: the roles of the manifests for installations without Helm suffice, so that no
// request is denied.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "roles")
	s.root(t)
	applyRights(t, s.plane, "overrides.yaml")
	s.policy(t, "cart")
	o := options(s.namespace)
	o.LeaderElection, o.LeaseNamespace = true, "overrides-system"
	o.GatewayPolicies, o.Model.GatewayDefault.Strip = true, true
	r := run(t, impersonating(s.plane.Config, account), o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	s.hasCondition(t, "cart", condition{"Programmed", "True", "Programmed", ""})
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	s.remove(t, "v2")
	s.converges(t, 0)
	s.guards(t)
	r.noneForbidden(t)
}

// guards has the operator write what the policy of a gateway asks for, and delete it.
func (s *shop) guards(t *testing.T) {
	t.Helper()
	s.openGateway(t)
	s.filterIs(t, "", "remove:x-override")
	s.create(t, tokenChecks, login)
	s.create(t, gatewayPolicies, strings.ReplaceAll(requireTesters, "NAME", "entry"))
	s.policyIs(t, "entry", "Accepted=True Accepted", "Programmed=True Programmed")
	check(t, s.objects.Resource(gateways).Namespace(s.namespace).Delete(t.Context(), "public", metav1.DeleteOptions{}))
	s.policyIs(t, "entry", "Accepted=False TargetNotFound")
	check(t, s.objects.Resource(gatewayPolicies).Namespace(s.namespace).Delete(t.Context(), "entry", metav1.DeleteOptions{}))
	s.gone(t, authorizations)
}

// TestNamespacedRole: for some namespaces an operator needs no permissions for the whole
// cluster.
func TestNamespacedRole(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "namespaced")
	s.root(t)
	// The permissions are for an account of its own: the manifest's account has others
	// here, too.
	granted := applyRights(t, s.plane, "namespaced.yaml", "namespace: shop\n", "namespace: "+s.namespace+"\n", "name: overrides-operator", "name: overrides-narrow")
	for _, o := range granted {
		if strings.HasPrefix(o.GetKind(), "ClusterRole") {
			t.Errorf("there is %s %s", o.GetKind(), o.GetName())
		}
	}
	r := run(t, impersonating(s.plane.Config, "system:serviceaccount:overrides-system:overrides-narrow"), options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	r.stop()
	for _, request := range r.meter.Requests() {
		// The operator asks for kinds without a namespace, and works without them.
		if request.Status == http.StatusForbidden && !slices.Contains(inNone, path.Base(request.Path)) {
			t.Errorf("forbidden: %s", request)
		}
	}
}

// inNone are the kinds that an operator of some namespaces can't read at all.
var inNone = []string{"namespaces", "customresourcedefinitions", "mutatingwebhookconfigurations"}

// root creates Istio's root namespace, unless another test has.
func (s *shop) root(t *testing.T) {
	t.Helper()
	root := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "istio-system"}}
	if _, err := s.kube.CoreV1().Namespaces().Create(t.Context(), root, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
}

// TestOlderRoles: with the roles of an older release an operator works without the kinds
// that it can't list, and reports each once.
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
	r := run(t, impersonating(s.plane.Config, "system:serviceaccount:overrides-system:"+older), o)
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

// noneForbidden fails t for each denied request.
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
