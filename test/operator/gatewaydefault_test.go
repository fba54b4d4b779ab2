package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestGatewayDefault: a Gateway without a policy has a filter that removes overrides. A policy
// changes it in place, so that there is always one, and so does the end of the policy. With an
// annotation of the Gateway there is none. A Gateway whose pods are not known has an Event.
func TestGatewayDefault(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "entry-default")
	s.openGateway(t)
	o := options(s.namespace)
	o.GatewayPolicies, o.Model.GatewayDefault.Strip = true, true
	run(t, s.config, o)
	uid := s.filterIs(t, "", "remove:x-override")
	s.create(t, gatewayPolicies, strings.ReplaceAll(openPolicy, "NAME", "entry"))
	if got := s.filterIs(t, "cookie", "cookie"); got != uid {
		t.Error("the policy's filter is another object")
	}
	check(t, s.objects.Resource(gatewayPolicies).Namespace(s.namespace).Delete(t.Context(), "entry", metav1.DeleteOptions{}))
	if got := s.filterIs(t, "", "remove:x-override"); got != uid {
		t.Error("the filter after the policy is another object")
	}
	annotate := []byte(`{"metadata":{"annotations":{"overrides.mesh/follow":"true"}}}`)
	_, err := s.objects.Resource(gateways).Namespace(s.namespace).Patch(t.Context(), "public", types.MergePatchType, annotate, metav1.PatchOptions{})
	check(t, err)
	s.gone(t, envoyFilters)
	s.istio(t, gateways, "Gateway", "elsewhere", map[string]any{
		"selector": map[string]any{"istio": "elsewhere"},
		"servers":  []any{map[string]any{"hosts": []any{"elsewhere.example.com"}, "port": map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}}},
	})
	s.eventAbout(t, "Gateway", "EdgeDefaultNotInForce", "no pods with the labels istio=elsewhere")
}

const openPolicy = `
apiVersion: overrides.mesh/v1alpha1
kind: GatewayOverridePolicy
metadata: {name: NAME}
spec:
  targetRef: {group: networking.istio.io, kind: Gateway, name: public}
  cookie: x-override
`

// filterIs waits until the only filter removes overrides and has a cookie or not, and returns
// its UID.
func (s *shop) filterIs(t *testing.T, cookie string, has ...string) (out types.UID) {
	t.Helper()
	eventually(t, "the filter", func(ctx context.Context) string {
		list, err := s.objects.Resource(envoyFilters).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		if len(list.Items) != 1 {
			return fmt.Sprintf("there are %d filters", len(list.Items))
		}
		text := fmt.Sprint(list.Items[0].Object["spec"])
		if strings.Contains(text, "cookie") != (cookie != "") {
			return "it is " + text
		}
		for _, part := range has {
			if !strings.Contains(text, part) {
				return "it is " + text
			}
		}
		out = list.Items[0].GetUID()
		return ""
	})
	return out
}
