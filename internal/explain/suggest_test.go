package explain_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/model"
)

func TestSuggest(t *testing.T) {
	t.Parallel()
	snapshot := &model.Snapshot{Services: []model.Service{
		{Namespace: "lab", Name: "cart"},
		{Namespace: "shop", Name: "cart"},
		{Namespace: "shop", Name: "reviews"},
		{Namespace: "shop", Name: "revews-pr-1", VersionOf: "revews"},
		{Namespace: "shop", Name: "web"},
	}}
	service := func(namespace, name string) diag.Object {
		return diag.Object{Kind: "Service", Namespace: namespace, Name: name}
	}
	for _, test := range []struct {
		name, message, fix string
		code               diag.Code
		target             diag.Object
	}{
		{"a version of a misspelt one", "none; did you mean reviews?", "set overrides.mesh/version-of to reviews", diag.IsolatedBaseNotFound, service("shop", "revews")},
		{"a version of one elsewhere", "none; there is one in namespace shop", "put it and its pods into namespace shop, or set overrides.mesh/version-of to web.NAMESPACE, which that Service has to permit", diag.IsolatedBaseNotFound, service("lab", "web")},
		{"a policy for a misspelt one", "none; did you mean reviews?", "write reviews in spec.targetRefs", diag.PolicyTargetNotFound, service("shop", "reviwes")},
		{"a policy for one elsewhere", "none; there is one in namespaces lab and shop", "put the policy into namespace lab or shop: it can only be for Services of its own namespace", diag.PolicyTargetNotFound, service("pay", "cart")},
		{"nothing similar", "none", diag.PolicyTargetNotFound.Entry().Fix, diag.PolicyTargetNotFound, service("shop", "payments")},
		{"similar ones are elsewhere", "none", diag.PolicyTargetNotFound.Entry().Fix, diag.PolicyTargetNotFound, service("lab", "reviews2")},
		{"no target", "none", diag.IsolatedBaseNotFound.Entry().Fix, diag.IsolatedBaseNotFound, diag.Object{}},
		{"another code", "none", diag.PolicyConflict.Entry().Fix, diag.PolicyConflict, service("shop", "revews")},
	} {
		object := diag.Object{Kind: "Service", Namespace: "shop", Name: "revews-pr-1"}
		in := []diag.Diagnostic{diag.New(test.code, object, "none").For(test.target)}
		before := slices.Clone(in)
		got := explain.Suggest(snapshot, in)[0]
		if d := cmp.Diff([]string{test.message, test.fix}, []string{got.Message, got.Fix}); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
		if d := cmp.Diff(before, in); d != "" {
			t.Errorf("%s: the list was changed:\n%s", test.name, d)
		}
	}
}
