package operator

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rules returns the rules of the operator's roles in a manifest.
func rules(t *testing.T, file string) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile("../../config/install/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []rbacv1.PolicyRule
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var role rbacv1.ClusterRole
		if yaml.Unmarshal(doc, &role) == nil && (role.Kind == "Role" || role.Kind == "ClusterRole") {
			out = append(out, role.Rules...)
		}
	}
	return out
}

// TestKindsInRoles compares the watched kinds with the roles of the chart, in the manifests
// made from it: each kind may be listed and watched, and the other permissions are known.
func TestKindsInRoles(t *testing.T) {
	t.Parallel()
	// The definitions of kinds, the Secret with the keys, and what users may view.
	others := []string{"customresourcedefinitions", "secrets", "gatewayoverridepolicies", "overridegrants"}
	for _, test := range []struct {
		file string
		// unscoped is set if kinds without a namespace may be read, and grants if those are.
		unscoped, grants bool
	}{
		{"overrides.yaml", true, false}, {"namespaced.yaml", false, false}, {"grants.yaml", true, true},
	} {
		granted := rules(t, test.file)
		if test.grants {
			granted = append(granted, rules(t, "overrides.yaml")...) // which it is applied after
		}
		kinds := (&Options{GatewayPolicies: true, Grants: GrantOptions{Enabled: test.grants}}).kinds()
		for i := range kinds {
			k := &kinds[i]
			want := k.Scope != discover.Unscoped || test.unscoped
			got := slices.ContainsFunc(granted, func(r rbacv1.PolicyRule) bool {
				return slices.Contains(r.APIGroups, k.Group) && slices.Contains(r.Resources, k.Plural) &&
					slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch")
			})
			if got != want {
				t.Errorf("%s: %s may be listed and watched: %t, want %t", test.file, k.Plural, got, want)
			}
		}
		for _, r := range granted {
			for _, resource := range r.Resources {
				known := slices.ContainsFunc(kinds, func(k kind) bool { return k.Plural == resource && slices.Contains(r.APIGroups, k.Group) })
				if slices.Contains(r.Verbs, "watch") && !known && !slices.Contains(others, resource) {
					t.Errorf("%s: %s may be watched, and are not", test.file, resource)
				}
			}
		}
	}
}

// TestRevisionKinds: the mesh configuration of each revision is a kind of its own, and that
// of the default revision exists once.
func TestRevisionKinds(t *testing.T) {
	t.Parallel()
	var got []string
	all := (&Options{Revisions: []string{"canary", "default", "1-30", "canary"}}).kinds()
	for i := range all {
		if k := &all[i]; k.Name == "ConfigMap" {
			got = append(got, k.key())
		}
	}
	want := []string{"ConfigMap metadata.name=istio", "ConfigMap metadata.name=istio-canary", "ConfigMap metadata.name=istio-1-30"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestKept: each kind keeps the fields that affect routes, and states with the same effect
// are equal.
func TestKept(t *testing.T) {
	t.Parallel()
	meta := func(version string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: "istio", ResourceVersion: version, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: version}}}
	}
	object := func(apiVersion, kind, version string, spec, status map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiVersion, "kind": kind, "spec": spec, "status": status,
			"metadata": map[string]any{"namespace": "shop", "name": "istio", "resourceVersion": version},
		}}
	}
	backend := map[string]any{"parentRefs": []any{map[string]any{"name": "g"}}, "rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": "web"}}}}}
	services := [][2]string{{"shop", "web"}}
	for name, test := range map[string]struct {
		states [2]any
		want   discover.Object
		// same is set if the states have the same effect.
		same bool
	}{
		"Ingress": {
			[2]any{
				&networkingv1.Ingress{ObjectMeta: meta("1"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web"}}}},
				&networkingv1.Ingress{
					ObjectMeta: meta("2"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web"}}},
					Status: networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.1"}}}},
				},
			},
			&discover.Route{Meta: discover.Meta{Namespace: "shop", Name: "istio"}, Kind: "Ingress", Backends: services}, true,
		},
		"GRPCRoute": {
			[2]any{
				object("gateway.networking.k8s.io/v1", "GRPCRoute", "1", backend, nil),
				object("gateway.networking.k8s.io/v1", "GRPCRoute", "2", backend, map[string]any{"parents": []any{}}),
			},
			&discover.Route{
				Meta: discover.Meta{Namespace: "shop", Name: "istio"}, Kind: "GRPCRoute", Backends: services,
				HTTP: &model.HTTPRoute{GRPC: true, Namespace: "shop", Name: "istio", Attached: route.Attachment{Parents: []route.Parent{{Kind: "Gateway", Namespace: "shop", Name: "g"}}}},
			}, true,
		},
		"a WorkloadEntry that no Service can select": {
			[2]any{
				object("networking.istio.io/v1", "WorkloadEntry", "1", map[string]any{"address": "a.example.com", "labels": map[string]any{"app": "web"}}, nil),
				object("networking.istio.io/v1", "WorkloadEntry", "2", map[string]any{"address": "10.0.0.1", "labels": map[string]any{"app": "web"}}, nil),
			},
			&discover.Meta{Namespace: "shop", Name: "istio"}, false,
		},
		"ConfigMap": {
			[2]any{
				&corev1.ConfigMap{ObjectMeta: meta("1"), Data: map[string]string{"mesh": "defaultServiceExportTo: ['.']\nenableTracing: true", "meshNetworks": "networks: {}"}},
				&corev1.ConfigMap{ObjectMeta: meta("2"), Data: map[string]string{"mesh": "defaultServiceExportTo: ['.']"}},
			},
			&discover.MeshConfig{Meta: discover.Meta{Namespace: "shop", Name: "istio"}, Defaults: model.MeshConfig{ServiceExportTo: []string{"."}}}, true,
		},
		"a ConfigMap without a mesh configuration": {
			[2]any{&corev1.ConfigMap{ObjectMeta: meta("1")}, &corev1.ConfigMap{ObjectMeta: meta("2"), Data: map[string]string{"mesh": ""}}},
			&discover.Meta{Namespace: "shop", Name: "istio"}, false,
		},
		"a webhook that is no tag": {
			[2]any{&metav1.PartialObjectMetadata{ObjectMeta: meta("1")}, &metav1.PartialObjectMetadata{ObjectMeta: meta("2")}},
			&discover.Meta{Namespace: "shop", Name: "istio"}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kept [2]*item
			for i, state := range test.states {
				x, err := (&kind{}).transform(state)
				if err != nil {
					t.Fatal(err)
				}
				kept[i] = x.(*item)
			}
			if !reflect.DeepEqual(kept[0].Object, test.want) {
				t.Errorf("kept %#v, want %#v", kept[0].Object, test.want)
			}
			if got := equivalent(kept[0], kept[1]); got != test.same {
				t.Errorf("the states have the same effect: %t, want %t", got, test.same)
			}
		})
	}
}

// TestUnreadRevisions: for each revision in use whose mesh configuration is not read there
// is a diagnostic about one namespace, unless flags replace the configuration.
func TestUnreadRevisions(t *testing.T) {
	t.Parallel()
	snapshot := &model.Snapshot{Revisions: map[string]string{"a": "default", "b": "canary", "c": "canary", "d": "1-30"}}
	told := func(o Options) []string {
		var out []string
		for _, d := range o.unreadRevisions(snapshot) {
			if d.Code != diag.MeshConfigUnread {
				t.Errorf("unexpected: %v", d)
			}
			out = append(out, d.Object.Name)
		}
		return out
	}
	if got := told(Options{}); !slices.Equal(got, []string{"b", "d"}) {
		t.Errorf("got %v", got)
	}
	if got := told(Options{Revisions: []string{"canary"}}); !slices.Equal(got, []string{"d"}) {
		t.Errorf("got %v, though canary is read", got)
	}
	all := []string{"*"}
	snapshot.Options.Mesh = model.MeshConfig{VirtualServiceExportTo: all, DestinationRuleExportTo: all, ServiceExportTo: all}
	if got := told(Options{}); got != nil {
		t.Errorf("got %v, though flags replace the configuration", got)
	}
}
