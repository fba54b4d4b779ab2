package operator_test

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// TestEveryKind: where all kinds are installed that can decide a route, the operator reads each
// of them, with the chart's rights.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	plane := ownPlane(t)
	check(t, installCRDs(t.Context(), plane))
	s := openShop(t, plane, "every-kind")
	for _, kind := range discover.Kinds() {
		if kind.Served != nil && !kind.BuiltIn() {
			s.define(t, &kind)
		}
	}
	o := options("")
	o.Namespaces, o.AllNamespaces, o.GatewayPolicies = nil, true, true
	r := run(t, s.config, o)
	for _, kind := range discover.Kinds() {
		if kind.Served == nil {
			continue
		}
		want := right{kind.Group, kind.Plural, "read"}
		eventually(t, want.String(), func(context.Context) string {
			now := newUsage()
			if err := now.read(plane); err != nil || !now.rights[want] {
				return "it was not asked for: " + message(err)
			}
			return ""
		})
	}
	r.noneForbidden(t)
}

// define installs a kind without a schema, unless it is installed.
func (s *shop) define(t *testing.T, kind *discover.Kind) {
	t.Helper()
	scope := "Namespaced"
	if kind.Scope == discover.Unscoped {
		scope = "Cluster"
	}
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{
			"name": kind.Plural + "." + kind.Group,
			// Without it, no kind of a group of Kubernetes is accepted.
			"annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, for a test"},
		},
		"spec": map[string]any{
			"group": kind.Group, "scope": scope, "names": map[string]any{"kind": kind.Name, "plural": kind.Plural},
			"versions": []any{map[string]any{
				"name": kind.Served[0], "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	if _, err := s.objects.Resource(definitions).Create(t.Context(), definition, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
}
