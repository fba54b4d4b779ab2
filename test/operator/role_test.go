package operator_test

import (
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// applyFile applies the objects of a manifest.
func applyFile(t *testing.T, plane *controlplane.Plane, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	objects, err := controlplane.Decode(text)
	check(t, err)
	check(t, plane.Apply(t.Context(), objects...))
}

// TestRoles: what config/rbac allows is enough for everything, so that nothing is
// ever forbidden.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "roles")
	applyFile(t, s.plane, "../../config/rbac/account.yaml")
	applyFile(t, s.plane, "../../config/rbac/role.yaml")
	s.policy(t, "cart")
	o := options(s.namespace)
	o.LeaderElection, o.LeaseNamespace = true, "overrides-system"
	r := run(t, impersonating(s.config, account), o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	s.hasCondition(t, "cart", condition{"Programmed", "True", "Programmed", ""})
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	s.remove(t, "v2")
	s.converges(t, 0)
	r.noneForbidden(t)
}

// TestNamespacedRole: in the namespaces that it is to manage, an operator needs
// nothing that holds for the whole cluster.
func TestNamespacedRole(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "namespaced")
	applyFile(t, s.plane, "../../config/rbac/account.yaml")
	applyFile(t, s.plane, "../../config/rbac/role.yaml")
	root := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "istio-system"}}
	if _, err := s.kube.CoreV1().Namespaces().Create(t.Context(), root, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
	const user = "somebody"
	for _, namespace := range []string{s.namespace, "istio-system"} {
		_, err := s.kube.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "overrides-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "overrides-operator"},
			Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
		}, metav1.CreateOptions{})
		check(t, err)
	}
	run(t, impersonating(s.config, user), options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
}

// noneForbidden fails t for each request that was not allowed.
func (r *running) noneForbidden(t *testing.T) {
	t.Helper()
	for _, request := range r.meter.Requests() {
		if request.Status == 403 {
			t.Errorf("forbidden: %s", request)
		}
	}
	if strings.Contains(r.log.String(), "forbidden") {
		t.Error("something was forbidden")
	}
}
