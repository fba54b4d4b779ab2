package operator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

const tokensOnly = `
apiVersion: overrides.mesh/v1alpha1
kind: OverridePolicy
metadata: {name: tokens}
spec:
  targetRefs: [{kind: Service, name: cart}]
  access: {mode: Token, token: {jwksService: {name: keys, namespace: overrides-system}}}
`

// openWithFilters opens a shop with a version, and an operator that writes filters.
func openWithFilters(t *testing.T, name string) (*shop, *running) {
	t.Helper()
	s := openShop(t, sharedPlane(t), name)
	o := options(s.namespace)
	o.GatewayPolicies = true
	r := run(t, s.config, o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	r.writes()
	return s, r
}

// TestAccess: when a policy asks for tokens, rows for headers go at once, the filter comes, and
// only then the rows for calls from where it is. When the policy goes, so do these rows, and then
// the filter. So there is never a row that lets a bare header count.
func TestAccess(t *testing.T) {
	t.Parallel()
	s, r := openWithFilters(t, "access")
	s.create(t, policies, tokensOnly)
	s.rows(t, `"sourceNamespace":"`+s.namespace+`"`, 1)
	s.converges(t, 2)
	if got, want := r.writesOf("envoyfilters", "virtualservices"), []string{"PATCH virtualservices", "PATCH envoyfilters", "PATCH virtualservices"}; !slices.Equal(got, want) && !slices.Equal(got, []string{want[1], want[0], want[2]}) {
		t.Errorf("the writes are %q, want %q, the first two in any order", got, want)
	}
	s.filtersBothSides(t)
	check(t, s.objects.Resource(envoyFilters).Namespace(s.namespace).Delete(t.Context(), "tokens-overrides", metav1.DeleteOptions{}))
	var got []string
	eventually(t, "the filter comes back, and the rows go until then", func(context.Context) string {
		got = append(got, r.writesOf("envoyfilters", "virtualservices")...)
		if !slices.Equal(got, []string{"PATCH virtualservices", "PATCH envoyfilters", "PATCH virtualservices"}) && !slices.Equal(got, []string{"PATCH envoyfilters", "PATCH virtualservices", "PATCH virtualservices"}) {
			return fmt.Sprintf("the writes are %q", got)
		}
		return ""
	})
	s.converges(t, 2)
	check(t, s.objects.Resource(policies).Namespace(s.namespace).Delete(t.Context(), "tokens", metav1.DeleteOptions{}))
	s.rows(t, "sourceNamespace", 0)
	eventually(t, "the filter goes", func(ctx context.Context) string {
		list, err := s.objects.Resource(envoyFilters).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) > 0 {
			return list.Items[0].GetName() + " is left"
		}
		return message(err)
	})
	if got, want := r.awaitWrites(t, 2), []string{"PATCH virtualservices", "DELETE envoyfilters"}; !slices.Equal(got, want) {
		t.Errorf("the writes are %q, want %q", got, want)
	}
	s.converges(t, 2)
}

// filtersBothSides checks that the filter is for calls that are made and for those that are received.
func (s *shop) filtersBothSides(t *testing.T) {
	t.Helper()
	filter, err := s.objects.Resource(envoyFilters).Namespace(s.namespace).Get(t.Context(), "tokens-overrides", metav1.GetOptions{})
	check(t, err)
	patches, _, err := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
	check(t, err)
	var sides []string
	for _, p := range patches {
		side, _, err := unstructured.NestedString(p.(map[string]any), "match", "context")
		check(t, err)
		sides = append(sides, side)
	}
	slices.Sort(sides)
	if got, want := slices.Compact(sides), []string{"SIDECAR_INBOUND", "SIDECAR_OUTBOUND"}; !slices.Equal(got, want) {
		t.Errorf("the filter is for %q, want %q", got, want)
	}
}

// TestAccessWaypoint: a waypoint would follow any header, so rows go when one comes, and come back when it
// is gone.
func TestAccessWaypoint(t *testing.T) {
	t.Parallel()
	plane := ownPlane(t)
	check(t, installCRDs(t.Context(), plane))
	definitions, err := controlplane.GatewayCRDs(t.Context())
	check(t, err)
	check(t, plane.InstallCRDs(t.Context(), definitions...))
	s := openShop(t, plane, "access-waypoint")
	o := options(s.namespace)
	o.GatewayPolicies = true
	run(t, s.config, o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.create(t, policies, tokensOnly)
	row := `"sourceNamespace":"` + s.namespace + `"`
	s.rows(t, row, 1)
	s.attached(t, kubernetesGateways, "Gateway", "waypoint", map[string]any{
		"gatewayClassName": "istio-waypoint",
		"listeners":        []any{map[string]any{"name": "mesh", "port": int64(15008), "protocol": "HBONE"}},
	})
	s.rows(t, row, 0)
	s.hasEvent(t, "AccessNoFilter", "is a waypoint", 1)
	check(t, s.objects.Resource(kubernetesGateways).Namespace(s.namespace).Delete(t.Context(), "waypoint", metav1.DeleteOptions{}))
	s.rows(t, row, 1)
}

// rows waits until the VirtualService of the shop has a text, or, with none, does not have it.
func (s *shop) rows(t *testing.T, text string, some int) {
	t.Helper()
	eventually(t, "rows", func(ctx context.Context) string {
		present, err := s.present(ctx)
		if err != nil {
			return err.Error()
		}
		if n := strings.Count(strings.Join(present, "\n"), text); (n > 0) != (some > 0) {
			return fmt.Sprintf("%d times %s", n, text)
		}
		return ""
	})
}
