package operator_test

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

// TestPreviewElsewhere: a version in a namespace of its own is refused, with Events at both
// ends, until a policy in the namespace of its base permits it; then it has routes while it is
// ready, and while the labels of its namespace are those that the policy asks for.
func TestPreviewElsewhere(t *testing.T) {
	t.Parallel()
	s, preview := openShop(t, sharedPlane(t), "base"), openShop(t, sharedPlane(t), "preview")
	o := options(s.namespace)
	o.Namespaces = append(o.Namespaces, preview.namespace)
	run(t, s.config, o)
	preview.annotate(t, "overrides.mesh/version", "pr-118")
	preview.annotate(t, "overrides.mesh/version-of", "cart."+s.namespace)
	preview.hasEvent(t, "PreviewNotPermitted", s.namespace, 1)
	s.hasEvent(t, "PreviewsRefused", preview.namespace, 1)
	s.empty(t)

	_, err := s.objects.Resource(policies).Namespace(s.namespace).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupName + "/v1alpha1", "kind": "OverridePolicy", "metadata": map[string]any{"name": "cart"},
		"spec": map[string]any{
			"targetRefs": []any{map[string]any{"group": "", "kind": "Service", "name": "cart"}},
			"previews":   map[string]any{"namespaces": map[string]any{"from": "Selector", "selector": map[string]any{"matchLabels": map[string]any{"previews-of": s.namespace}}}},
		},
	}}, metav1.CreateOptions{})
	check(t, err)
	preview.labelAs(t, `"`+s.namespace+`"`)
	s.leadsTo(t, preview, true)
	s.hasEvent(t, "VersionOverridable", "cart:pr-118", 1)

	preview.ready(t, "v1", false)
	s.leadsTo(t, preview, false)
	preview.ready(t, "v1", true)
	s.leadsTo(t, preview, true)

	preview.labelAs(t, "null")
	s.leadsTo(t, preview, false)
	preview.labelAs(t, `"`+s.namespace+`"`)
	s.leadsTo(t, preview, true)

	check(t, s.kube.CoreV1().Services(preview.namespace).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
	s.empty(t)
}

// labelAs says of which namespace the previews in this one are; null for none.
func (s *shop) labelAs(t *testing.T, value string) {
	t.Helper()
	_, err := s.kube.CoreV1().Namespaces().Patch(t.Context(), s.namespace, types.MergePatchType, []byte(`{"metadata":{"labels":{"previews-of":`+value+`}}}`), metav1.PatchOptions{})
	check(t, err)
}

// leadsTo waits until routes of the operator lead to the Service of another namespace, or
// until none does.
func (s *shop) leadsTo(t *testing.T, other *shop, want bool) {
	t.Helper()
	eventually(t, "routes to another namespace", func(ctx context.Context) string {
		got, err := s.present(ctx)
		if err != nil {
			return err.Error()
		}
		if all := strings.Join(got, "\n"); strings.Contains(all, "cart."+other.namespace+".svc") != want {
			return "there is " + all
		}
		return ""
	})
}
