package cleanup_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/cleanup"
)

// made is an object of Overrides or of others, in namespace shop.
type made struct {
	kind, name string
	// label is the value of app.kubernetes.io/managed-by.
	label string
	// instance is the installation that it names.
	instance string
	// by are the managers, each with the operation and the fields that it owns.
	by   []manager
	spec string
}

type manager struct {
	name      string
	operation metav1.ManagedFieldsOperationType
	fields    string
	status    bool
}

const (
	labelFields = `{"f:metadata":{"f:labels":{"f:app.kubernetes.io/managed-by":{}}},"f:spec":{}}`
	specFields  = `{"f:spec":{"f:http":{}}}`
)

var (
	operator = manager{name: "overrides", operation: metav1.ManagedFieldsOperationApply, fields: labelFields}
	status   = manager{name: "overrides", operation: metav1.ManagedFieldsOperationApply, fields: `{"f:status":{"f:targets":{}}}`, status: true}
	kubectl  = manager{name: "kubectl-client-side-apply", operation: metav1.ManagedFieldsOperationUpdate, fields: labelFields}
	flagger  = manager{name: "flagger", operation: metav1.ManagedFieldsOperationUpdate, fields: specFields}
)

// pod is a Pod with the readiness gate of a condition, with a status.
func pod(t *testing.T, name, condition, status string) *unstructured.Unstructured {
	t.Helper()
	u := object(t, made{kind: "Pod", name: name, spec: "{readinessGates: [{conditionType: " + condition + "}]}"})
	u.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": condition, "status": status}}}
	return u
}

// TestGates: the gate of pods that wait for it is opened, but not another gate, and not
// for terminating pods.
func TestGates(t *testing.T) {
	t.Parallel()
	ending := pod(t, "ending", "overrides.mesh/pinned", "False")
	now := metav1.Now()
	ending.SetDeletionTimestamp(&now)
	d := cleanup.Decide([]*unstructured.Unstructured{
		pod(t, "waits", "overrides.mesh/pinned", "False"), pod(t, "open", "overrides.mesh/pinned", "True"),
		pod(t, "other", "example.com/warm", "False"), object(t, made{kind: "Pod", name: "plain"}), ending,
	}, "")
	if diff := cmp.Diff([]string{"gate waits"}, lines(d)); diff != "" {
		t.Error(diff)
	}
}

func object(t *testing.T, m made) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{"kind": m.kind, "metadata": map[string]any{"namespace": "shop", "name": m.name}}}
	if m.label != "" {
		u.SetLabels(map[string]string{"app.kubernetes.io/managed-by": m.label})
	}
	if m.instance != "" {
		u.SetAnnotations(map[string]string{"overrides.mesh/instance": m.instance})
	}
	var entries []metav1.ManagedFieldsEntry
	for _, by := range m.by {
		entry := metav1.ManagedFieldsEntry{Manager: by.name, Operation: by.operation, FieldsV1: metav1.NewFieldsV1(by.fields)}
		if by.status {
			entry.Subresource = "status"
		}
		entries = append(entries, entry)
	}
	u.SetManagedFields(entries)
	if m.spec != "" {
		var spec map[string]any
		text, err := yaml.YAMLToJSON([]byte(m.spec))
		if err == nil {
			err = json.Unmarshal(text, &spec)
		}
		if err != nil {
			t.Fatal(err)
		}
		u.Object["spec"] = spec
	}
	return u
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const rule = "{host: cart.shop.svc.cluster.local, subsets: [{name: override-v2}]}"
	route := func(host, subset string) string {
		return fmt.Sprintf("{http: [{route: [{destination: {host: %s, subset: %s}}]}]}", host, subset)
	}
	for name, c := range map[string]struct {
		objects []made
		want    []string
	}{
		"nothing": {},
		"ours goes, in order of names": {
			objects: []made{
				{kind: "VirtualService", name: "b", label: "overrides", by: []manager{operator}},
				{kind: "DestinationRule", name: "a", label: "overrides", by: []manager{operator}, spec: rule},
				{kind: "VirtualService", name: "a", label: "overrides", by: []manager{operator}},
			},
			want: []string{"route a", "route b", "subset a"},
		},
		"what others have made is not looked at": {
			objects: []made{
				{kind: "VirtualService", name: "theirs", by: []manager{kubectl}},
				{kind: "DestinationRule", name: "cart-overrides", label: "Helm", by: []manager{operator}},
			},
		},
		"what another installation has made is theirs, with the subsets that it needs": {
			objects: []made{
				{kind: "VirtualService", name: "a", label: "overrides", instance: "shop/a", by: []manager{operator}},
				{kind: "VirtualService", name: "b", label: "overrides", instance: "shop/b", by: []manager{operator}, spec: route("cart.shop.svc.cluster.local", "override-v2")},
				{kind: "DestinationRule", name: "c", label: "overrides", by: []manager{operator}, spec: rule},
			},
			want: []string{"route a", "ours left c", "left b"},
		},
		"what generate printed and somebody applied is theirs": {
			objects: []made{{kind: "VirtualService", name: "a", label: "overrides", by: []manager{kubectl}}},
			want:    []string{"left a"},
		},
		"also where the operator has applied it since": {
			objects: []made{{kind: "VirtualService", name: "a", label: "overrides", by: []manager{kubectl, operator}}},
			want:    []string{"left a"},
		},
		"fields of ours that others have changed keep nothing": {
			objects: []made{{kind: "VirtualService", name: "a", label: "overrides", by: []manager{operator, flagger}}},
			want:    []string{"route a"},
		},
		"a manager of our name that has not applied is another": {
			objects: []made{{kind: "VirtualService", name: "a", label: "overrides", by: []manager{{name: "overrides", operation: "Update", fields: specFields}}}},
			want:    []string{"left a"},
		},
		"a subset that a route names which stays": {
			objects: []made{
				{kind: "DestinationRule", name: "a", label: "overrides", by: []manager{operator}, spec: rule},
				{kind: "VirtualService", name: "theirs", by: []manager{kubectl}, spec: route("cart", "override-v2")},
			},
			want: []string{"ours left a"},
		},
		"one that a route of generate's names": {
			objects: []made{
				{kind: "DestinationRule", name: "a", label: "overrides", by: []manager{operator}, spec: rule},
				{kind: "VirtualService", name: "b", label: "overrides", by: []manager{kubectl}, spec: route("cart.shop.svc.cluster.local", "override-v2")},
			},
			want: []string{"ours left a", "left b"},
		},
		"one that is mirrored to": {
			objects: []made{
				{kind: "DestinationRule", name: "a", label: "overrides", by: []manager{operator}, spec: rule},
				{kind: "VirtualService", name: "theirs", by: []manager{kubectl}, spec: "{http: [{mirrors: [{destination: {host: cart, subset: override-v2}}]}]}"},
			},
			want: []string{"ours left a"},
		},
		"neither another host's nor another subset's route keeps it, nor one of ours": {
			objects: []made{
				{kind: "DestinationRule", name: "a", label: "overrides", by: []manager{operator}, spec: rule},
				{kind: "VirtualService", name: "x", by: []manager{kubectl}, spec: route("car", "override-v2")},
				{kind: "VirtualService", name: "y", by: []manager{kubectl}, spec: route("cart", "v2")},
				{kind: "VirtualService", name: "z", label: "overrides", by: []manager{operator}, spec: route("cart", "override-v2")},
			},
			want: []string{"route z", "subset a"},
		},
		"policies that have a status of ours": {
			objects: []made{
				{kind: "OverridePolicy", name: "told", by: []manager{kubectl, status}},
				{kind: "OverridePolicy", name: "new", by: []manager{kubectl}},
				{kind: "OverridePolicy", name: "odd", label: "overrides", by: []manager{operator}},
			},
			want: []string{"status told"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var objects []*unstructured.Unstructured
			for _, m := range c.objects {
				objects = append(objects, object(t, m))
			}
			if diff := cmp.Diff(c.want, lines(cleanup.Decide(objects, "shop/a"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lines(d cleanup.Decision) []string {
	var out []string
	for verb, list := range [][]cleanup.Target{d.Routes, d.Subsets, d.Statuses, d.Gates} {
		for _, x := range list {
			out = append(out, []string{"route", "subset", "status", "gate"}[verb]+" "+x.Name)
		}
	}
	for _, x := range d.Left {
		text := "left " + x.Name
		if x.Ours {
			text = "ours " + text
		}
		out = append(out, text)
	}
	return out
}
