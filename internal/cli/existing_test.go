package cli

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// TestNotListed: the list request that was refused counts, not the wording of the
// refusal.
func TestNotListed(t *testing.T) {
	t.Parallel()
	refused := func(group, resource, namespace string) diag.Diagnostic {
		d := diag.New(diag.Forbidden, diag.Object{}, "%s/%s/%s", group, resource, namespace)
		d.List = diag.List{Group: group, Resource: resource, Namespace: namespace}
		return d
	}
	const istioGroup = "networking.istio.io"
	worded := diag.New(diag.Forbidden, diag.Object{}, "list virtualservices.networking.istio.io in all namespaces is not allowed: no")
	worded.List = diag.List{Resource: "secrets"}
	other := refused(istioGroup, "virtualservices", "")
	other.Code = diag.EmptyInput
	for _, test := range []struct {
		name  string
		diags []diag.Diagnostic
		asked string
		scope scope
		want  string
	}{
		{"nothing", nil, "", nil, ""},
		{"all namespaces", []diag.Diagnostic{refused(istioGroup, "virtualservices", "")}, "", nil, "networking.istio.io/virtualservices/"},
		{
			"all namespaces, one asked for and wanted",
			[]diag.Diagnostic{refused(istioGroup, "virtualservices", "")},
			"shop",
			scope{"shop": true},
			"",
		},
		{
			"all namespaces, another one wanted too",
			[]diag.Diagnostic{refused(istioGroup, "destinationrules", "")},
			"shop",
			scope{"shop": true, "lab": true},
			"networking.istio.io/destinationrules/",
		},
		{
			"the namespace that is wanted",
			[]diag.Diagnostic{refused(istioGroup, "destinationrules", "shop")},
			"shop",
			scope{"shop": true},
			"networking.istio.io/destinationrules/shop",
		},
		{
			"a namespace whose name begins like it",
			[]diag.Diagnostic{refused(istioGroup, "virtualservices", "shop")},
			"shop-2",
			scope{"shop-2": true},
			"",
		},
		{"another kind", []diag.Diagnostic{refused(istioGroup, "gateways", "")}, "", nil, ""},
		{"a kind of another group", []diag.Diagnostic{refused("example.com", "virtualservices", "")}, "", nil, ""},
		{"words alone", []diag.Diagnostic{worded}, "", nil, ""},
		{"another code", []diag.Diagnostic{other}, "", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := notListed(test.diags, test.asked, test.scope); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
