package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/internal/token"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// TestGrants: RBAC decides who may make grants, nobody makes them under another name, the
// answer is a token that the served keys accept, and it goes with the grant. The audit lines
// name the user. The operator's account can't read or change other Secrets.
func TestGrants(t *testing.T) {
	o := openOffice(t, "grants")
	r := run(t, o.operator, o.options)
	r.says(t, "msg=reconciling") // so it leads
	second := o.options
	second.Grants.Address = programtest.FreeAddress(t)
	run(t, o.operator, second)

	t.Run("who may", func(t *testing.T) {
		create := authorizationv1.ResourceAttributes{Verb: "create", Group: "overrides.mesh", Resource: "overridegrants"}
		if !o.may(t, o.granter, create) || o.may(t, o.other, create) {
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
		all, one := authorizationv1.ResourceAttributes{Verb: verb, Resource: "secrets"}, authorizationv1.ResourceAttributes{Verb: verb, Resource: "secrets", Name: "database"}
		if o.may(t, o.operator, all) || o.may(t, o.operator, one) {
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
