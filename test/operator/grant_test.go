package operator_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	"k8s.io/apimachinery/pkg/api/meta"
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
	plane, err := controlplane.Start(ctx, controlplane.Options{Controllers: true, Log: os.Stderr})
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
	for key, value := range spec {
		all[key] = value
	}
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
func (o *office) may(t *testing.T, user *rest.Config, verb, group, resource, name string) bool {
	t.Helper()
	client, err := kubernetes.NewForConfig(user)
	check(t, err)
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: o.namespace, Verb: verb, Group: group, Resource: resource, Name: name}},
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

// TestGrants: RBAC decides who may make grants, nobody makes them under another name, the
// answer is a token that the served keys accept, and it goes with the grant. The audit lines
// name the user. The operator's account can't read or change other Secrets.
func TestGrants(t *testing.T) { //nolint:paralleltest // it shares the operator's namespace
	o := openOffice(t, "grants")
	r := run(t, o.operator, o.options)
	second := o.options
	second.Grants.Address = programtest.FreeAddress(t)
	run(t, o.operator, second)

	t.Run("who may", func(t *testing.T) {
		if !o.may(t, o.granter, "create", "overrides.mesh", "overridegrants", "") || o.may(t, o.other, "create", "overrides.mesh", "overridegrants", "") {
			t.Error("auth can-i create overridegrants: want yes for granter, no for other")
		}
		if _, err := o.grants(t, o.other).Create(t.Context(), o.ask("no", "cart:v2", nil), metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("other made a grant: %v", err)
		}
		for _, c := range []struct {
			requester map[string]any
			want      string
		}{
			{map[string]any{"username": "ada"}, "spec.requester.username must be the name of who makes the grant: " + o.requester},
			{map[string]any{"username": o.requester, "groups": []any{"system:masters"}}, "spec.requester.groups must be groups of who makes the grant"},
		} {
			eventually(t, "a false requester is refused", func(ctx context.Context) string {
				_, err := o.grants(t, o.granter).Create(ctx, o.ask("false", "cart:v2", map[string]any{"requester": c.requester}), metav1.CreateOptions{})
				if err == nil { // the policy is not in force yet
					err = o.grants(t, o.granter).Delete(ctx, "false", metav1.DeleteOptions{})
				}
				if err == nil || !strings.Contains(err.Error(), c.want) {
					return message(err)
				}
				return ""
			})
		}
	})

	body, keys := keySet(t, o.options.Grants.Address)
	t.Run("a token", func(t *testing.T) {
		o.make(t, "pr-118", "cart:v2, *:pr-118", map[string]any{
			"ttl": "2h", "subject": "ada@example.com", "requester": map[string]any{"username": o.requester, "groups": []any{"system:serviceaccounts"}},
		})
		g := o.grantIs(t, "pr-118", "Accepted=True Accepted", "Programmed=True Programmed")
		_, claims, err := o.token(t.Context(), g, keys)
		check(t, err)
		ends := g.CreationTimestamp.Add(2 * time.Hour)
		want := token.Claims{
			Issuer: "overrides.mesh", Audience: "overrides", Subject: "ada@example.com", ID: g.Status.ID, Override: fmt.Sprintf("cart.%[1]s:v2, *.%[1]s:pr-118", o.namespace),
			Issued: claims.Issued, NotBefore: claims.NotBefore, Expiry: ends.Unix(),
		}
		if *claims != want || !strings.HasPrefix(claims.ID, "grant.") || g.Status.Overrides != want.Override || !g.Status.Ends.Time.Equal(ends) || !g.Status.TokenExpires.Time.Equal(ends) {
			t.Errorf("the token says %+v, want %+v; the status is %+v", *claims, want, g.Status)
		}
		for _, audit := range []string{"grant.accepted", "grant.minted", "key.used"} {
			if n := r.says(t, "audit="+audit, "namespace="+o.namespace, "name=pr-118", "id="+g.Status.ID, "requester="+o.requester, "subject=ada@example.com"); n != 1 {
				t.Errorf("%d lines of %s", n, audit)
			}
		}
		o.grantEvent(t, "pr-118", "Accepted", "grants cart."+o.namespace+":v2")
		if other, _ := keySet(t, second.Grants.Address); other != body {
			t.Errorf("the replicas serve %s and %s", body, other)
		}
		if strings.Contains(r.log.String(), `"d":`) || strings.Contains(body, `"d":`) {
			t.Error("a private key was shown")
		}
	})

	t.Run("refusals", func(t *testing.T) {
		_, err := o.objects.Resource(grantPolicies).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "overrides.mesh/v1alpha1", "kind": "OverrideGrantPolicy", "metadata": map[string]any{"name": "few"}, "spec": map[string]any{
				"namespaces": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": o.namespace}}, "maxTTL": "3h", "maxGrants": int64(2),
			},
		}}, metav1.CreateOptions{})
		check(t, err)
		o.make(t, "wide", "cart.elsewhere:v2", map[string]any{"ttl": "4h"})
		o.grantIs(t, "wide", "Accepted=False NotPermitted OverrideGrantPolicy few: the lifetime 4h0m0s is longer than 3h0m0s, the longest that is allowed; "+
			"cart.elsewhere:v2 is not allowed: overrides may be for *."+o.namespace+". Make another grant")
		o.grantEvent(t, "wide", "Refused", "the lifetime 4h0m0s is longer")
		r.says(t, "audit=grant.refused", "name=wide", "requester="+o.requester, "reason=NotPermitted")
		o.make(t, "malformed", "cart", nil)
		o.grantIs(t, "malformed", `Accepted=False Invalid spec.overrides: member 1: "cart": no ":"`)
		o.make(t, "second", "cart:v3", nil)
		o.grantIs(t, "second", "Accepted=True", "Programmed=True")
		o.make(t, "third", "cart:v3", nil)
		o.grantIs(t, "third", "Accepted=False TooManyGrants OverrideGrantPolicy few permits 2 grants")
		check(t, o.grants(t, o.granter).Delete(t.Context(), "second", metav1.DeleteOptions{}))
		o.grantIs(t, "third", "Accepted=True", "Programmed=True")
		check(t, o.objects.Resource(grantPolicies).Delete(t.Context(), "few", metav1.DeleteOptions{}))
	})

	t.Run("the end", func(t *testing.T) {
		g, err := o.grant(t.Context(), "pr-118")
		check(t, err)
		check(t, o.grants(t, o.granter).Delete(t.Context(), "pr-118", metav1.DeleteOptions{}))
		o.secretGoes(t, g.Status.SecretName)
		r.says(t, "audit=grant.revoked", "name=pr-118", "id="+g.Status.ID, "requester="+o.requester)
		o.make(t, "short", "cart:v2", map[string]any{"ttl": "2s"})
		g = o.grantIs(t, "short", "Accepted=False Expired it ended at ")
		if g.Status.SecretName != "" {
			t.Errorf("it still names Secret %s", g.Status.SecretName)
		}
		r.says(t, "audit=grant.ended", "name=short", "requester="+o.requester)
		list, err := o.kube.CoreV1().Secrets(o.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=overrides"})
		if check(t, err); len(list.Items) != 1 || !strings.HasPrefix(list.Items[0].Name, "third-") {
			t.Errorf("there are %d Secrets, want that of third", len(list.Items))
		}
	})

	t.Run("other Secrets", func(t *testing.T) { o.otherSecrets(t) })
	r.noneForbidden(t)
}

// otherSecrets wants the operator's account to have no way to read or change a user's Secret.
func (o *office) otherSecrets(t *testing.T) {
	t.Helper()
	for _, verb := range []string{"get", "list", "watch", "patch", "deletecollection"} {
		if o.may(t, o.operator, verb, "", "secrets", "") || o.may(t, o.operator, verb, "", "secrets", "database") {
			t.Errorf("the operator may %s Secrets", verb)
		}
	}
	database := func(kind corev1.SecretType) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: "database"}, Type: kind, Data: map[string][]byte{"password": []byte("a")}}
	}
	_, err := o.kube.CoreV1().Secrets(o.namespace).Create(t.Context(), database(corev1.SecretTypeOpaque), metav1.CreateOptions{})
	check(t, err)
	client, err := kubernetes.NewForConfig(o.operator)
	check(t, err)
	secrets := client.CoreV1().Secrets(o.namespace)
	_, update := secrets.Update(t.Context(), database(corev1.SecretTypeOpaque), metav1.UpdateOptions{})
	_, retype := secrets.Update(t.Context(), database("overrides.mesh/token"), metav1.UpdateOptions{})
	own := database(corev1.SecretTypeOpaque)
	own.Name = "another"
	_, create := secrets.Create(t.Context(), own, metav1.CreateOptions{})
	if !apierrors.IsInvalid(retype) { // by the API server's own rule
		t.Errorf("retype: %v", retype)
	}
	for what, err := range map[string]error{"update": update, "create": create, "delete": secrets.Delete(t.Context(), "database", metav1.DeleteOptions{})} {
		if err == nil || !strings.Contains(err.Error(), "only Secrets of type overrides.mesh/token") {
			t.Errorf("%s: %v", what, err)
		}
	}
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

// TestGrantRenewal: tokens shorter than their grant are replaced before they expire. Each is
// accepted by the keys that are served at the time.
func TestGrantRenewal(t *testing.T) { //nolint:paralleltest // it shares the operator's namespace
	o := openOffice(t, "renewal")
	o.options.Grants.Lifetime = 4 * time.Second
	r := run(t, o.operator, o.options)
	o.make(t, "long", "cart:v2", map[string]any{"ttl": "1h"})
	g := o.grantIs(t, "long", "Accepted=True", "Programmed=True")
	seen := map[string]bool{}
	eventually(t, "renewals", func(ctx context.Context) string {
		_, keys := keySet(t, o.options.Grants.Address)
		text, claims, err := o.token(ctx, g, keys)
		switch {
		case err != nil:
			t.Fatal(err)
		case claims.Lifetime() != 4*time.Second, claims.ID != g.Status.ID:
			t.Fatalf("the token says %+v", claims)
		}
		if seen[text] = true; len(seen) < 4 {
			return fmt.Sprintf("%d tokens so far", len(seen))
		}
		return ""
	})
	eventually(t, "lines of the renewals", func(context.Context) string {
		if n := r.lines("audit=grant.renewed", "name=long", "requester="+o.requester); n < 3 {
			return fmt.Sprintf("%d so far", n)
		}
		return ""
	})
	if n := r.says(t, "audit=grant.minted", "name=long"); n != 1 {
		t.Errorf("%d first tokens", n)
	}
	// The next leader goes on with what the status says.
	r.stop()
	r = run(t, o.operator, o.options)
	r.says(t, "audit=grant.renewed", "name=long")
	if n := r.lines("audit=grant.accepted") + r.lines("audit=key.created"); n > 0 {
		t.Errorf("the next leader says %d times what the last one said", n)
	}
}

// TestKeyRotation: a new key is served before it signs, and the old one after; if the Secret is
// deleted, every grant has a token by the next key at once. The keys outlive the operator's view
// of the Secret.
func TestKeyRotation(t *testing.T) { //nolint:paralleltest // it shares the operator's namespace
	o := openOffice(t, "rotation")
	o.options.Grants.Keys.PublishBefore = 2 * time.Second
	r := run(t, o.operator, o.options)
	o.make(t, "old", "cart:v2", nil)
	g := o.grantIs(t, "old", "Accepted=True", "Programmed=True")
	_, keys := keySet(t, o.options.Grants.Address)
	old, _, err := o.token(t.Context(), g, keys)
	check(t, err)
	r.says(t, "audit=key.created", "key="+g.Status.KeyID)

	patch := []byte(`{"metadata":{"annotations":{"overrides.mesh/rotate":"now"}}}`)
	_, err = o.kube.CoreV1().Secrets(operatorNamespace).Patch(t.Context(), keySecret, types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	r.says(t, "audit=key.rotated", "from="+g.Status.KeyID)
	both := ""
	eventually(t, "both keys are served", func(context.Context) string {
		both, keys = keySet(t, o.options.Grants.Address)
		if n := strings.Count(both, `"kid"`); n != 2 {
			return fmt.Sprintf("%d keys", n)
		}
		return ""
	})
	var next *v1alpha1.OverrideGrant
	eventually(t, "the new key signs", func(context.Context) string {
		name := fmt.Sprintf("new-%d", time.Now().UnixNano())
		o.make(t, name, "cart:v2", nil)
		if next = o.grantIs(t, name, "Accepted=True", "Programmed=True"); next.Status.KeyID == g.Status.KeyID {
			return "the old one does"
		}
		return ""
	})
	_, keys = keySet(t, o.options.Grants.Address)
	for what, text := range map[string]string{"the old token": old, "the new token": o.secretOf(t, next)} {
		if _, err := verify(text, keys); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if g, err = o.grant(t.Context(), "old"); err != nil || r.lines("audit=grant.renewed") > 0 {
		t.Errorf("a rotation replaced a token: %v", err)
	}
	secret, err := o.kube.CoreV1().Secrets(operatorNamespace).Get(t.Context(), keySecret, metav1.GetOptions{})
	if check(t, err); secret.Annotations["overrides.mesh/rotate"] != "" {
		t.Error("the annotation is still there")
	}

	check(t, o.kube.CoreV1().Secrets(operatorNamespace).Delete(t.Context(), keySecret, metav1.DeleteOptions{}))
	eventually(t, "a token by the next key", func(ctx context.Context) string {
		if g, err = o.grant(ctx, "old"); err != nil {
			return err.Error()
		}
		served, keys := keySet(t, o.options.Grants.Address)
		if strings.Count(served, `"kid"`) != 1 || !strings.Contains(served, g.Status.KeyID) {
			return "it is by " + g.Status.KeyID
		}
		if _, _, err := o.token(ctx, g, keys); err != nil {
			return err.Error()
		}
		if _, err := verify(old, keys); err == nil {
			return "the old token is still accepted"
		}
		return ""
	})
}

func (o *office) secretOf(t *testing.T, g *v1alpha1.OverrideGrant) string {
	t.Helper()
	secret, err := o.kube.CoreV1().Secrets(o.namespace).Get(t.Context(), g.Status.SecretName, metav1.GetOptions{})
	check(t, err)
	return string(secret.Data["token"])
}

// TestManyGrants: a steady rate of grants that are created and deleted costs the operator a
// bounded number of requests for each, and leaves nothing. OVERRIDES_GRANTS is their number.
func TestManyGrants(t *testing.T) { //nolint:paralleltest // it shares the operator's namespace
	number := 200
	if text := os.Getenv("OVERRIDES_GRANTS"); text != "" {
		_, err := fmt.Sscan(text, &number)
		check(t, err)
	}
	const each = time.Second / 20
	o := openOffice(t, "many")
	_, err := o.objects.Resource(grantPolicies).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "overrides.mesh/v1alpha1", "kind": "OverrideGrantPolicy", "metadata": map[string]any{"name": "many"}, "spec": map[string]any{"maxGrants": int64(10000)},
	}}, metav1.CreateOptions{})
	check(t, err)
	t.Cleanup(func() { _ = o.objects.Resource(grantPolicies).Delete(context.Background(), "many", metav1.DeleteOptions{}) })
	r := run(t, o.operator, o.options)
	o.make(t, "first", "cart:v2", nil)
	o.grantIs(t, "first", "Accepted=True", "Programmed=True")
	_ = r.meter.Requests()
	began := time.Now()
	paced(t, number, each, func(i int) { o.make(t, fmt.Sprintf("g-%d", i), "cart:v2", nil) })
	created := time.Since(began)
	_, keys := keySet(t, o.options.Grants.Address)
	var list []v1alpha1.OverrideGrant
	eventually(t, "all have tokens", func(ctx context.Context) string {
		if list, err = o.list(ctx); err != nil {
			return err.Error()
		}
		for i := range list {
			if !meta.IsStatusConditionTrue(list[i].Status.Conditions, "Programmed") {
				return list[i].Name + " has none"
			}
		}
		return ""
	})
	answered := time.Since(began)
	ids := map[string]bool{}
	slowest := time.Duration(0)
	for i := range list {
		g := &list[i]
		if _, _, err := o.token(t.Context(), g, keys); err != nil {
			t.Errorf("%s: %v", g.Name, err)
		}
		ids[g.Status.ID] = true
		accepted := meta.FindStatusCondition(g.Status.Conditions, "Programmed")
		slowest = max(slowest, accepted.LastTransitionTime.Sub(g.CreationTimestamp.Time))
	}
	if len(list) != number+1 || len(ids) != number+1 {
		t.Errorf("%d grants with %d IDs, want %d", len(list), len(ids), number+1)
	}
	requests := countRequests(r)
	paced(t, number, each, func(i int) { check(t, o.grants(t, o.granter).Delete(t.Context(), fmt.Sprintf("g-%d", i), metav1.DeleteOptions{})) })
	began = time.Now()
	eventually(t, "nothing is left", func(ctx context.Context) string {
		secrets, err := o.kube.CoreV1().Secrets(o.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=overrides"})
		if err != nil || len(secrets.Items) != 1 {
			return fmt.Sprintf("%d Secrets, %v", len(secrets.Items), err)
		}
		return ""
	})
	gone := time.Since(began)
	deletions := countRequests(r)
	t.Logf("%d grants created in %v, all answered %v later; at most %v from a creation to its token (whole seconds)", number, created.Round(time.Millisecond), (answered - created).Round(time.Millisecond), slowest)
	t.Logf("requests of the operator while they were created: %v; while they were deleted: %v; nothing was left %v after the last deletion", requests, deletions, gone.Round(time.Millisecond))
	for what, n := range requests {
		if n > number+number/10+10 {
			t.Errorf("%d requests %s for %d grants", n, what, number)
		}
	}
	for what, n := range deletions {
		if n > number/10+10 {
			t.Errorf("%d requests %s while %d grants were deleted", n, what, number)
		}
	}
	r.noneForbidden(t)
}

// paced calls f a number of times, once in each interval.
func paced(t *testing.T, n int, each time.Duration, f func(i int)) {
	t.Helper()
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	for i := range n {
		f(i)
		<-ticker.C
	}
}

// countRequests counts the operator's writes since the last call, by method and resource.
func countRequests(r *running) map[string]int {
	out := map[string]int{}
	for _, request := range r.meter.Requests() {
		if used := rightFor(request.Method, request.Path); used.resource != "leases" {
			out[used.String()]++
		}
	}
	return out
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
