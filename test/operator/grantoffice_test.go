package operator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/operator"
	"github.com/overrides-mesh/overrides/internal/token"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

var (
	overrideGrants = schema.GroupVersionResource{Group: "overrides.mesh", Version: "v1alpha1", Resource: "overridegrants"}
	grantPolicies  = schema.GroupVersionResource{Group: "overrides.mesh", Version: "v1alpha1", Resource: "overridegrantpolicies"}
)

// operatorNamespace is the namespace of the manifests.
const operatorNamespace, keySecret = "overrides-system", "overrides-signing-keys"

// grantPlane is one control plane, with a garbage collector, for all tests of grants: they share
// the namespace of the operator, so they run one after the other.
var grantPlane struct {
	once  sync.Once
	plane *controlplane.Plane
	err   error
}

// office is a namespace in which people ask for grants.
type office struct {
	*shop
	// operator is the account of the operator, granter of those who may make grants, and other
	// of those who may not.
	operator, granter, other *rest.Config
	requester                string
	options                  operator.Options
}

// openOffice installs the operator's permissions and admission policies, and makes accounts.
func openOffice(t *testing.T, name string) *office {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes())
	grantPlane.once.Do(func() { grantPlane.plane, grantPlane.err = startGrantPlane() })
	check(t, grantPlane.err)
	o := &office{shop: &shop{plane: grantPlane.plane, config: grantPlane.plane.Config}}
	var err error
	o.kube, err = kubernetes.NewForConfig(o.config)
	check(t, err)
	o.objects, err = dynamic.NewForConfig(o.config)
	check(t, err)
	made, err := o.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"}}, metav1.CreateOptions{})
	check(t, err)
	o.namespace = made.Name
	// Without the keys of the last test.
	_, err = o.kube.CoreV1().Secrets(operatorNamespace).Patch(t.Context(), keySecret, types.MergePatchType, []byte(`{"data":null}`), metav1.PatchOptions{})
	check(t, err)
	o.operator = o.account(t, operatorNamespace, "overrides-operator")
	o.granter, o.other = o.account(t, o.namespace, "granter"), o.account(t, o.namespace, "other")
	o.requester = "system:serviceaccount:" + o.namespace + ":granter"
	_, err = o.kube.RbacV1().RoleBindings(o.namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "granters"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "overrides-grant-edit"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: o.namespace, Name: "granter"}},
	}, metav1.CreateOptions{})
	check(t, err)
	o.options = options(o.namespace)
	o.options.LeaderElection, o.options.LeaseNamespace = true, operatorNamespace
	o.options.Grants.Enabled, o.options.Grants.Address = true, programtest.FreeAddress(t)
	return o
}

func startGrantPlane() (*controlplane.Plane, error) {
	ctx := context.Background()
	plane, err := controlplane.Start(ctx, controlplane.Options{Controllers: true, Log: os.Stderr, AuditGroups: audited})
	if err != nil {
		return nil, err
	}
	if err := installCRDs(ctx, plane); err != nil {
		return plane, err
	}
	if err := plane.StartControllers(ctx); err != nil {
		return plane, err
	}
	root := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "istio-system"}}}
	if err := plane.Apply(ctx, root); err != nil {
		return plane, err
	}
	for _, file := range []string{"overrides.yaml", "grants.yaml"} {
		text, err := os.ReadFile("../../config/install/" + file)
		if err != nil {
			return plane, err
		}
		objects, err := controlplane.Decode(text)
		if err != nil {
			return plane, err
		}
		objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Deployment" })
		if err := plane.Apply(ctx, objects...); err != nil {
			return plane, err
		}
	}
	return plane, nil
}

// account returns a client of a real ServiceAccount, by a token.
func (o *office) account(t *testing.T, namespace, name string) *rest.Config {
	t.Helper()
	accounts := o.kube.CoreV1().ServiceAccounts(namespace)
	if _, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
	answer, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	check(t, err)
	out := rest.AnonymousClientConfig(o.config)
	out.BearerToken, out.QPS = answer.Status.Token, -1
	return out
}

// ask returns a grant to create.
func (o *office) ask(name, overrides string, spec map[string]any) *unstructured.Unstructured {
	all := map[string]any{"overrides": overrides, "requester": map[string]any{"username": o.requester}}
	maps.Copy(all, spec)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "overrides.mesh/v1alpha1", "kind": "OverrideGrant", "metadata": map[string]any{"name": name}, "spec": all,
	}}
}

// grants returns the grants of the namespace as a user sees them.
func (o *office) grants(t *testing.T, user *rest.Config) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(user)
	check(t, err)
	return client.Resource(overrideGrants).Namespace(o.namespace)
}

// make creates a grant as the granter.
func (o *office) make(t *testing.T, name, overrides string, spec map[string]any) {
	t.Helper()
	_, err := o.grants(t, o.granter).Create(t.Context(), o.ask(name, overrides, spec), metav1.CreateOptions{})
	check(t, err)
}

// grant reads a grant.
func (o *office) grant(ctx context.Context, name string) (*v1alpha1.OverrideGrant, error) {
	u, err := o.objects.Resource(overrideGrants).Namespace(o.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	out := &v1alpha1.OverrideGrant{}
	return out, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, out)
}

// grantIs waits until the conditions of a grant begin with these, and returns it.
func (o *office) grantIs(t *testing.T, name string, want ...string) *v1alpha1.OverrideGrant {
	t.Helper()
	var out *v1alpha1.OverrideGrant
	eventually(t, "status of "+name, func(ctx context.Context) string {
		var err error
		if out, err = o.grant(ctx, name); err != nil {
			return err.Error()
		}
		var got []string
		for _, c := range out.Status.Conditions {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s=%s %s %s", c.Type, c.Status, c.Reason, c.Message)))
		}
		if len(got) != len(want) || slices.ContainsFunc(want, func(w string) bool {
			return !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) })
		}) {
			return fmt.Sprintf("it is %q", got)
		}
		return ""
	})
	return out
}

// token returns the token of a grant, and what it says to those who have the served keys.
func (o *office) token(ctx context.Context, g *v1alpha1.OverrideGrant, keys *token.KeySet) (string, *token.Claims, error) {
	secret, err := o.kube.CoreV1().Secrets(o.namespace).Get(ctx, g.Status.SecretName, metav1.GetOptions{})
	if err != nil {
		return "", nil, err
	}
	text := string(secret.Data["token"])
	claims, err := verify(text, keys)
	return text, claims, err
}

func verify(text string, keys *token.KeySet) (*token.Claims, error) {
	return token.Verify(text, keys, &token.Expected{Issuer: "overrides.mesh", Audience: "overrides", MaxLifetime: 24 * time.Hour}, time.Now())
}

// keySet fetches the keys that a replica serves.
func keySet(t *testing.T, address string) (string, *token.KeySet) {
	t.Helper()
	var body string
	eventually(t, "keys", func(context.Context) string {
		status, text := get(t, "http://"+address+operator.KeysPath)
		if body = text; status != http.StatusOK {
			return fmt.Sprintf("%d %s", status, text)
		}
		return ""
	})
	keys, err := token.ParseKeySet([]byte(body))
	check(t, err)
	return body, keys
}

// may reports whether a user may do something in the namespace: kubectl auth can-i.
func (o *office) may(t *testing.T, user *rest.Config, do authorizationv1.ResourceAttributes) bool {
	t.Helper()
	client, err := kubernetes.NewForConfig(user)
	check(t, err)
	do.Namespace = o.namespace
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &do},
	}, metav1.CreateOptions{})
	check(t, err)
	return review.Status.Allowed
}

// says waits for lines of the log that have all of these texts, and returns how many there are.
func (r *running) says(t *testing.T, texts ...string) int {
	t.Helper()
	n := 0
	eventually(t, "the log", func(context.Context) string {
		n = r.lines(texts...)
		if n == 0 {
			return fmt.Sprintf("no line has %q", texts)
		}
		return ""
	})
	return n
}

func (r *running) lines(texts ...string) int {
	n := 0
	for line := range strings.Lines(r.log.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			n++
		}
	}
	return n
}

func (o *office) secretGoes(t *testing.T, name string) {
	t.Helper()
	eventually(t, "the Secret goes", func(ctx context.Context) string {
		_, err := o.kube.CoreV1().Secrets(o.namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return ""
		}
		return "it is there: " + message(err)
	})
}

func (o *office) grantEvent(t *testing.T, name, reason, text string) {
	t.Helper()
	eventually(t, "Event "+reason, func(ctx context.Context) string {
		list, err := o.kube.EventsV1().Events(o.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		for _, e := range list.Items {
			if e.Regarding.Kind == "OverrideGrant" && e.Regarding.Name == name && e.Reason == reason && strings.Contains(e.Note, text) {
				return ""
			}
		}
		return "there is none"
	})
}

func (o *office) secretOf(t *testing.T, g *v1alpha1.OverrideGrant) string {
	t.Helper()
	secret, err := o.kube.CoreV1().Secrets(o.namespace).Get(t.Context(), g.Status.SecretName, metav1.GetOptions{})
	check(t, err)
	return string(secret.Data["token"])
}

func (o *office) list(ctx context.Context) ([]v1alpha1.OverrideGrant, error) {
	all, err := o.objects.Resource(overrideGrants).Namespace(o.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	var out v1alpha1.OverrideGrantList
	err = json.Unmarshal(text, &out)
	return out.Items, err
}
