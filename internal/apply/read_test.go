package apply

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// rule is a DestinationRule with a field that somebody else has added, and with entries
// that say who owns which fields.
func rule(entries ...metav1.ManagedFieldsEntry) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{
			"namespace": "shop", "name": "cart-overrides", "uid": "a", "resourceVersion": "7",
			"labels": map[string]any{"app.kubernetes.io/managed-by": "overrides", "team": "theirs"},
		},
		"spec": map[string]any{
			"host": "cart", "exportTo": []any{"."},
			"subsets":       []any{map[string]any{"name": "v1", "labels": map[string]any{"version": "v1"}}},
			"trafficPolicy": map[string]any{"connectionPool": map[string]any{"http": map[string]any{"maxRetries": int64(3)}}, "tls": map[string]any{"mode": "DISABLE"}},
		},
	}}
	u.SetManagedFields(entries)
	return u
}

func entry(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(fields)}
}

// TestRead: Managed are the fields that Overrides has applied and nobody has taken over.
func TestRead(t *testing.T) {
	t.Parallel()
	const (
		begin = `{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":`
		all   = `{"f:metadata":{"f:labels":{"f:app.kubernetes.io/managed-by":{}}},"f:spec":{"f:host":{},"f:subsets":{}}}`
	)
	tests := []struct {
		name    string
		entries []metav1.ManagedFieldsEntry
		want    string
	}{
		{
			"all that was applied",
			[]metav1.ManagedFieldsEntry{entry("somebody", "Update", `{"f:spec":{"f:exportTo":{}}}`), entry(Manager, "Apply", all)},
			begin + `{"labels":{"app.kubernetes.io/managed-by":"overrides"},"name":"cart-overrides","namespace":"shop"},` +
				`"spec":{"host":"cart","subsets":[{"name":"v1","labels":{"version":"v1"}}]}}`,
		},
		{
			"a field was taken over",
			[]metav1.ManagedFieldsEntry{entry("somebody", "Update", `{"f:spec":{"f:subsets":{}}}`), entry(Manager, "Apply", `{"f:spec":{"f:host":{}}}`)},
			begin + `{"name":"cart-overrides","namespace":"shop"},"spec":{"host":"cart"}}`,
		},
		{
			"fields below fields",
			[]metav1.ManagedFieldsEntry{entry(Manager, "Apply", `{"f:spec":{"f:trafficPolicy":{".":{},"f:tls":{".":{},"f:mode":{}}}}}`)},
			begin + `{"name":"cart-overrides","namespace":"shop"},"spec":{"trafficPolicy":{"tls":{}}}}`,
		},
		{
			"what was not applied by us",
			[]metav1.ManagedFieldsEntry{entry(Manager, "Update", all), entry("kubectl", "Apply", all)},
			begin + `{"name":"cart-overrides","namespace":"shop"},"spec":{}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seen, err := Read(rule(test.entries...))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(seen.Managed); got != test.want {
				t.Errorf("ours is\n%s\nwant\n%s", got, test.want)
			}
			if seen.UID != "a" || seen.ResourceVersion != "7" || len(seen.Subsets.ExportTo) != 1 {
				t.Errorf("the whole is %+v", seen)
			}
		})
	}
}

// TestInstance: the installation that an object names is not part of Managed, and an
// object of another one is not written.
func TestInstance(t *testing.T) {
	t.Parallel()
	const fields = `{"f:metadata":{"f:annotations":{"f:overrides.mesh/instance":{}},"f:labels":{"f:app.kubernetes.io/managed-by":{}}},"f:spec":{"f:host":{}}}`
	u := rule(entry(Manager, "Apply", fields))
	bare, err := Read(u)
	if err != nil {
		t.Fatal(err)
	}
	u.SetAnnotations(map[string]string{istio.InstanceAnnotation: "shop/a"})
	named, err := Read(u)
	if err != nil {
		t.Fatal(err)
	}
	if bare.Instance != "" || named.Instance != "shop/a" || string(bare.Managed) != string(named.Managed) {
		t.Errorf("%q and %q of\n%s\n%s", bare.Instance, named.Instance, bare.Managed, named.Managed)
	}
	step := plan.Step{Action: plan.Update, Object: istio.Object{Object: named.Object}}
	for _, test := range []struct {
		seen     *Seen
		instance string
		refused  bool
	}{
		{nil, "shop/a", false},
		{bare, "shop/a", false},
		{bare, "", false},
		{named, "shop/a", false},
		{named, "shop/b", true},
		{named, "", true},
	} {
		err := foreign(step, test.seen, test.instance)
		var refusal *Refusal
		if errors.As(err, &refusal) != test.refused || test.refused && refusal.Code != diag.OtherInstance {
			t.Errorf("instance %q: %v", test.instance, err)
		}
	}
	named.Managed = []byte(`{"metadata":{"name":"cart"}}`)
	for instance, want := range map[string]string{
		"":       `{"metadata":{"name":"cart","resourceVersion":"7","uid":"a"}}`,
		"shop/a": `{"metadata":{"annotations":{"overrides.mesh/instance":"shop/a"},"name":"cart","resourceVersion":"7","uid":"a"}}`,
	} {
		got, err := precise(istio.Object{JSON: named.Managed}, named, instance)
		if err != nil || string(got) != want {
			t.Errorf("instance %q: %s, %v", instance, got, err)
		}
	}
}
