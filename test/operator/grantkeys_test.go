package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

// TestGrantRenewal: tokens shorter than their grant are replaced before they expire. Each is
// accepted by the keys that are served at the time.
func TestGrantRenewal(t *testing.T) {
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
func TestKeyRotation(t *testing.T) {
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
