package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// testToken stands for a token in a Secret; the command does not read it.
const testToken = "eyJ0ZXN0Ijo.eyJ0b2tlbiI6.c2lnbmF0dXJl"

// granting is a namespace in which a test answers grants as the operator would.
type granting struct {
	*shop
	program string
}

func openGranting(t *testing.T) *granting {
	t.Helper()
	g := &granting{openShop(t, sharedPlane(t), "grants"), programtest.Overrides(t, "../..")}
	check(t, g.plane.InstallCRDs(t.Context(), "../../config/crd/overrides.mesh_overridegrants.yaml"))
	g.permit(t, "ada", rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"overridegrants"}, Verbs: []string{"create", "list", "watch", "delete"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}})
	g.permit(t, "eve", rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"overridegrants"}, Verbs: []string{"create", "watch"}})
	return g
}

// permit gives a user permissions in the namespace.
func (g *granting) permit(t *testing.T, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	name := metav1.ObjectMeta{Name: user}
	_, err := g.kube.RbacV1().Roles(g.namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: name, Rules: rules}, metav1.CreateOptions{})
	check(t, err)
	_, err = g.kube.RbacV1().RoleBindings(g.namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}, metav1.CreateOptions{})
	check(t, err)
}

// answers does what the operator does: it puts a token into a Secret of each new grant, and
// refuses those of the version "no". It does not answer those of the version "slow".
func (g *granting) answers(t *testing.T) {
	t.Helper()
	grants := g.objects.Resource(v1alpha1.GroupVersion.WithResource("overridegrants")).Namespace(g.namespace)
	watched, err := grants.Watch(t.Context(), metav1.ListOptions{})
	check(t, err)
	t.Cleanup(watched.Stop)
	go func() {
		for event := range watched.ResultChan() {
			object, is := event.Object.(*unstructured.Unstructured)
			var one v1alpha1.OverrideGrant
			if !is || runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &one) != nil ||
				len(one.Status.Conditions) > 0 || strings.HasSuffix(one.Spec.Overrides, ":slow") {
				continue
			}
			if err := g.answer(t.Context(), &one); err != nil && t.Context().Err() == nil {
				t.Errorf("answer %s: %v", one.Name, err)
			}
		}
	}()
}

// ends is when all grants of the test end.
var ends = metav1.NewTime(time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC))

func (g *granting) answer(ctx context.Context, one *v1alpha1.OverrideGrant) error {
	accepted := metav1.Condition{Type: v1alpha1.PolicyConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.PolicyReasonAccepted}
	if strings.HasSuffix(one.Spec.Overrides, ":no") {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, v1alpha1.GrantReasonNotPermitted, "policy production permits only group release-managers"
	} else {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: one.Name + "-token"}, Data: map[string][]byte{"token": []byte(testToken)}}
		if _, err := g.kube.CoreV1().Secrets(g.namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return err
		}
		one.Status = v1alpha1.OverrideGrantStatus{ID: "grant.abc", Overrides: one.Spec.Overrides, Subject: one.Spec.Requester.Username, SecretName: secret.Name, Ends: &ends, TokenExpires: &ends}
	}
	meta.SetStatusCondition(&one.Status.Conditions, accepted)
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(one)
	if err != nil {
		return err
	}
	_, err = g.objects.Resource(v1alpha1.GroupVersion.WithResource("overridegrants")).Namespace(g.namespace).
		UpdateStatus(ctx, &unstructured.Unstructured{Object: object}, metav1.UpdateOptions{})
	return err
}

// overrides runs the command grant as a user.
func (g *granting) overrides(t *testing.T, user string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	config, err := clientcmd.LoadFromFile(g.plane.Kubeconfig)
	check(t, err)
	for _, info := range config.AuthInfos {
		info.Impersonate, info.ImpersonateGroups = user, []string{"system:authenticated", "testers"}
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	check(t, clientcmd.WriteToFile(*config, file))
	command := exec.CommandContext(t.Context(), g.program, append([]string{"grant", "--kubeconfig", file, "-n", g.namespace}, args...)...)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	_ = command.Run()
	return out.String(), said.String(), command.ProcessState.ExitCode()
}

// names lists the grants in the namespace.
func (g *granting) names(t *testing.T) []string {
	t.Helper()
	list, err := g.objects.Resource(v1alpha1.GroupVersion.WithResource("overridegrants")).Namespace(g.namespace).List(t.Context(), metav1.ListOptions{})
	check(t, err)
	out := []string{}
	for i := range list.Items {
		out = append(out, list.Items[i].GetName())
	}
	return out
}

// TestGrantCommand: who may, gets a token, on stdout only; who may not is told by which command
// to see that. A refused grant is deleted again.
func TestGrantCommand(t *testing.T) {
	t.Parallel()
	g := openGranting(t)
	g.onlyPrints(t)
	g.answers(t)

	stdout, stderr, code := g.overrides(t, "ada", "*:pr-118", "--ttl", "30m", "--link", "https://shop.example.com/cart?a=1")
	want := "x-override-token: " + testToken + "\nhttps://shop.example.com/cart?a=1&x-override-token=" + testToken + "\n"
	if code != 0 || stdout != want || strings.Contains(stderr, testToken) || !strings.Contains(stderr, "grants *:pr-118 to ada, until 2100-01-02T03:04:05Z\n") {
		t.Errorf("code %d\n%s%s", code, stdout, stderr)
	}
	if names := g.names(t); len(names) != 1 || !strings.HasPrefix(names[0], "pr-118-") {
		t.Errorf("there are the grants %v", names)
	}
	g.asksFor(t, v1alpha1.OverrideGrantSpec{
		Overrides: "*:pr-118", TTL: metav1.Duration{Duration: 30 * time.Minute},
		Requester: v1alpha1.Requester{Username: "ada", Groups: []string{"system:authenticated", "testers"}},
	})

	stdout, _, code = g.overrides(t, "ada", "cart:v2", "--name", "mine", "--subject", "grace", "-o", "json")
	var made map[string]any
	if err := json.Unmarshal([]byte(stdout), &made); code != 0 || err != nil || made["name"] != "mine" || made["token"] != testToken || made["ends"] != "2100-01-02T03:04:05Z" {
		t.Errorf("code %d, %v\n%s", code, err, stdout)
	}
	for _, refused := range []struct {
		user, member string
		want         []string
	}{
		{"ada", "cart:no", []string{"is refused (NotPermitted): policy production permits only group release-managers\n"}},
		{"bob", "cart:v2", []string{"forbidden", "kubectl auth can-i create overridegrants.overrides.mesh -n " + g.namespace}},
		{"eve", "cart:v3", []string{"the grant is accepted, but you may not read its token", "kubectl auth can-i get secrets -n " + g.namespace}},
		{"ada", "cart:slow", []string{"the operator has not answered within 2s"}},
	} {
		stdout, stderr, code := g.overrides(t, refused.user, refused.member, "--timeout", "2s")
		if code != 1 || stdout != "" {
			t.Errorf("%s asks for %s: code %d\n%s", refused.user, refused.member, code, stdout)
		}
		for _, text := range refused.want {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s asks for %s: no %q in\n%s", refused.user, refused.member, text, stderr)
			}
		}
	}
	for _, name := range g.names(t) {
		if strings.HasPrefix(name, "cart-no-") {
			t.Errorf("the refused grant %s stays", name)
		}
	}
	if _, stderr, code := g.overrides(t, "bob", "revoke", "mine"); code != 1 || !strings.Contains(stderr, "can-i delete overridegrants") {
		t.Errorf("bob revokes: code %d\n%s", code, stderr)
	}
	if _, stderr, code := g.overrides(t, "ada", "revoke", "mine"); code != 0 || !strings.Contains(stderr, "revoked "+g.namespace+"/mine\n") {
		t.Errorf("ada revokes: code %d\n%s", code, stderr)
	}
	if names := strings.Join(g.names(t), " "); strings.Contains(names, "mine") {
		t.Errorf("a revoked grant is among %s", names)
	}
}

// asksFor compares the only grant of the namespace.
func (g *granting) asksFor(t *testing.T, want v1alpha1.OverrideGrantSpec) {
	t.Helper()
	list, err := g.objects.Resource(v1alpha1.GroupVersion.WithResource("overridegrants")).Namespace(g.namespace).List(t.Context(), metav1.ListOptions{})
	check(t, err)
	var got v1alpha1.OverrideGrant
	check(t, runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[0].Object, &got))
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

// onlyPrints: with --dry-run the manifest is printed, in the user's name, and nothing is created.
func (g *granting) onlyPrints(t *testing.T) {
	t.Helper()
	stdout, _, code := g.overrides(t, "bob", "cart:v2", "*:pr-118;strict", "--dry-run")
	const want = `apiVersion: overrides.mesh/v1alpha1
kind: OverrideGrant
metadata:
  generateName: cart-v2-pr-118-
  namespace: NAMESPACE
spec:
  overrides: cart:v2, *:pr-118;strict
  requester:
    groups:
    - system:authenticated
    - testers
    username: bob
  ttl: 1h0m0s
`
	if diff := cmp.Diff(strings.ReplaceAll(want, "NAMESPACE", g.namespace), stdout); code != 0 || diff != "" {
		t.Errorf("code %d (-want +got):\n%s", code, diff)
	}
	if names := g.names(t); len(names) > 0 {
		t.Errorf("there are the grants %v", names)
	}
}
