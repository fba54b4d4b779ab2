package operator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const closedPolicy = `
apiVersion: overrides.mesh/v1alpha1
kind: OverridePolicy
metadata: {name: cart}
spec: {targetRefs: [{kind: Service, name: cart}], closed: true, previews: {namespaces: {from: All}}}
`

const onlyFrom = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: NAME}
spec: {rules: [{from: [{source: {namespaces: [NAME]}}]}]}
`

// TestClosed: a preview is closed before a route leads to it, follows the policies that are in
// force at the released pods, and stays closed as long as its Service is there. A new operator
// finds everything in place.
func TestClosed(t *testing.T) {
	t.Parallel()
	s, preview := openShop(t, sharedPlane(t), "closed"), openShop(t, sharedPlane(t), "closed-preview")
	o := options(s.namespace)
	o.Namespaces, o.GatewayPolicies = append(o.Namespaces, preview.namespace), true
	r := run(t, s.config, o)
	s.create(t, policies, closedPolicy)
	preview.annotate(t, "overrides.mesh/version", "pr-118")
	preview.annotate(t, "overrides.mesh/version-of", "cart."+s.namespace)
	s.leadsTo(t, preview, true)
	preview.closedTo(t, "principals:[*]")
	made := r.writes()
	guard := func(w string) bool { return strings.Contains(w, "authorizationpolicies") }
	route := func(w string) bool { return strings.Contains(w, "virtualservices") }
	if first := slices.IndexFunc(made, route); first < 0 || !slices.ContainsFunc(made[:first], guard) || slices.ContainsFunc(made[first:], guard) {
		t.Errorf("the writes are %q", made)
	}
	s.create(t, authorizations, strings.ReplaceAll(onlyFrom, "NAME", "web"))
	preview.closedTo(t, "namespaces:[web]")
	if made := r.writes(); slices.ContainsFunc(made, route) {
		t.Errorf("when the callers change, it wrote %q", made)
	}
	r.stop()

	r = run(t, s.config, o)
	s.create(t, authorizations, strings.ReplaceAll(onlyFrom, "NAME", "tools"))
	preview.closedTo(t, "namespaces:[tools]")
	if made := r.writes(); slices.ContainsFunc(made, route) {
		t.Errorf("a new operator wrote %q", made)
	}
	check(t, s.kube.CoreV1().Services(preview.namespace).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
	s.empty(t)
	preview.closedTo(t, "")
}

// closedTo waits until the policy with ALLOW that closes the preview of a namespace has a text,
// beside one with DENY; or, if it is empty, until there is none.
func (s *shop) closedTo(t *testing.T, text string) {
	t.Helper()
	eventually(t, "policies that close", func(ctx context.Context) string {
		list, err := s.objects.Resource(authorizations).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		var got []string
		for _, o := range list.Items {
			got = append(got, o.GetName()+" "+fmt.Sprint(o.Object["spec"]))
		}
		slices.Sort(got)
		switch {
		case text == "" && len(got) == 0:
		case text != "" && len(got) == 2 && strings.Contains(got[0], text) && strings.Contains(got[1], "notPrincipals:[*]"):
		default:
			return fmt.Sprintf("there are %q", got)
		}
		return ""
	})
}
