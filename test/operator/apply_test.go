package operator_test

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestNothingUnseenIsTouched: a step has an effect only on the state that was seen. Later
// changes of the object are detected, and left alone.
func TestNothingUnseenIsTouched(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "unseen")
	client, err := apply.New(s.plane.Config, "", false)
	check(t, err)
	rules := s.objects.Resource(destinationRules).Namespace(s.namespace)
	object := func(version string) istio.Object {
		t.Helper()
		objects, _, err := istio.Objects(nil, []route.SubsetRule{{
			Namespace: s.namespace, Name: "cart-overrides", Owner: "cart", Host: "cart." + s.namespace + ".svc.cluster.local",
			Subsets: []route.Subset{{Name: "override-" + version, Labels: map[string]string{"version": version}}},
		}})
		check(t, err)
		return objects[0]
	}
	// unchanged executes a step that must not have an effect.
	unchanged := func(what string, step plan.Step, seen *apply.Seen) {
		t.Helper()
		before, errBefore := rules.Get(t.Context(), "cart-overrides", metav1.GetOptions{})
		var refusal *apply.Refusal
		if _, err := client.Do(t.Context(), step, seen); !errors.Is(err, apply.ErrStale) && !errors.As(err, &refusal) {
			t.Errorf("%s: got %v, want ErrStale or a Refusal", what, err)
		}
		after, errAfter := rules.Get(t.Context(), "cart-overrides", metav1.GetOptions{})
		if (errBefore == nil) != (errAfter == nil) || (errBefore == nil && before.GetResourceVersion() != after.GetResourceVersion()) {
			t.Errorf("%s: the object was touched: %v", what, after)
		}
	}
	deleted := func() { check(t, rules.Delete(t.Context(), "cart-overrides", metav1.DeleteOptions{})) }
	create, update := plan.Step{Action: plan.Create, Object: object("v2")}, plan.Step{Action: plan.Update, Object: object("v3")}
	remove := plan.Step{Action: plan.Delete, Object: istio.Object{Object: object("v2").Object}}

	// The user's object shares only the host with the operator's, and that is equal.
	_, err = rules.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": map[string]any{"name": "cart-overrides"},
		"spec": map[string]any{"host": "cart." + s.namespace + ".svc.cluster.local"},
	}}, metav1.CreateOptions{})
	check(t, err)
	unchanged("create where theirs is", create, nil)
	deleted()
	first, err := client.Do(t.Context(), create, nil)
	check(t, err)
	label := []byte(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"me"}}}`)
	_, err = rules.Patch(t.Context(), "cart-overrides", types.MergePatchType, label, metav1.PatchOptions{})
	check(t, err)
	unchanged("update of an object that was taken over", update, first)
	unchanged("deletion of an object that was taken over", remove, first)
	deleted()
	unchanged("update of a deleted object", update, first)
	if _, err := client.Do(t.Context(), remove, first); err != nil {
		t.Errorf("deletion of a deleted object: %v", err)
	}
	second, err := client.Do(t.Context(), create, nil)
	check(t, err)
	unchanged("update of another of that name", update, first)
	unchanged("deletion of another of that name", remove, first)
	third, err := client.Do(t.Context(), update, second)
	check(t, err)
	if string(third.Managed) != string(update.Object.JSON) {
		t.Errorf("ours is\n%s\nwant\n%s", third.Managed, update.Object.JSON)
	}
	if _, err := client.Do(t.Context(), remove, third); err != nil {
		t.Errorf("deletion: %v", err)
	}
}
