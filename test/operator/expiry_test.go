package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// TestExpiry: a preview loses its route at the time in its annotation, and then its subset,
// with one Event, and without another write. A later time brings the route back. An operator
// that starts after the expiry changes nothing.
func TestExpiry(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "expiry")
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	r := run(t, s.config, options(s.namespace))
	s.converges(t, 2)
	r.expect(t, "a preview", "PATCH "+ruleName+" 201", "PATCH "+serviceName+" 201")

	at := time.Now().Add(2 * time.Second).UTC().Truncate(time.Second)
	s.expires(t, fmt.Sprintf("%q", at.Format(time.RFC3339)))
	s.routesTo(t, "v2", false)
	if early := time.Until(at); early > 0 {
		t.Errorf("the route is gone %v before its time", early)
	}
	r.expect(t, "it expires", "PATCH "+serviceName+" 200", "PATCH "+ruleName+" 200")
	s.hasEvent(t, "PreviewExpired", "delete Deployment/cart-v2", 1)
	s.hasEvent(t, "VersionNotOverridable", "version v2 expired at "+at.Format(time.RFC3339)+": requests for cart:v2 get the released version", 1)

	s.expires(t, `"2999-12-31T18:00:00Z"`)
	s.converges(t, 2)
	r.expect(t, "it expires later", "PATCH "+ruleName+" 200", "PATCH "+serviceName+" 200")
	s.hasEvent(t, "VersionOverridable", "cart:v2", 2)
	s.hasEvent(t, "Resolved", "PreviewExpired", 1)

	s.expires(t, `"2026-01-01T00:00:00Z"`)
	s.routesTo(t, "v2", false)
	r.expect(t, "it has expired", "PATCH "+serviceName+" 200", "PATCH "+ruleName+" 200")
	r.stop()
	s.expires(t, `"2026-01-02T00:00:00Z"`)
	again := run(t, s.config, options(s.namespace))
	s.hasEvent(t, "PreviewExpired", "version v2 expired at 2026-01-02T00:00:00Z", 1)
	again.expect(t, "it had expired before")

	s.expires(t, "null")
	s.converges(t, 2)
	again.expect(t, "it does not expire", "PATCH "+ruleName+" 200", "PATCH "+serviceName+" 200")
	s.remove(t, "v2")
	s.converges(t, 0)
}

// TestExpiryElsewhere: of a version in a namespace of its own, the Service may have the time.
// Both Services get the Event.
func TestExpiryElsewhere(t *testing.T) {
	t.Parallel()
	s, preview := openShop(t, sharedPlane(t), "base"), openShop(t, sharedPlane(t), "preview")
	o := options(s.namespace)
	o.Namespaces = append(o.Namespaces, preview.namespace)
	run(t, s.config, o)
	s.annotate(t, "overrides.mesh/preview-namespaces", preview.namespace)
	preview.annotate(t, "overrides.mesh/version", "pr-118")
	preview.annotate(t, "overrides.mesh/version-of", "cart."+s.namespace)
	s.leadsTo(t, preview, true)
	preview.annotate(t, discover.ExpiresAnnotation, time.Now().Add(time.Second).Format(time.RFC3339))
	s.leadsTo(t, preview, false)
	s.hasEvent(t, "PreviewExpired", "delete Deployment/cart-v1 and Service/cart in namespace "+preview.namespace, 1)
	preview.hasEvent(t, "PreviewExpired", "it is version pr-118 of Service cart."+s.namespace, 1)
}

// expires sets the time at which v2 expires, in JSON; null for none.
func (s *shop) expires(t *testing.T, at string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, discover.ExpiresAnnotation, at)
	_, err := s.kube.AppsV1().Deployments(s.namespace).Patch(t.Context(), "cart-v2", types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
}

// routesTo waits until routes of the operator lead to a version, or until none does.
func (s *shop) routesTo(t *testing.T, version string, want bool) {
	t.Helper()
	eventually(t, "routes to "+version, func(ctx context.Context) string {
		got, err := s.present(ctx)
		if err != nil {
			return err.Error()
		}
		if all := strings.Join(got, "\n"); strings.Contains(all, "override.cart."+version) != want {
			return "there is " + all
		}
		return ""
	})
}
