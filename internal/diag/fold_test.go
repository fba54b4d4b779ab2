package diag_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
)

func TestFold(t *testing.T) {
	t.Parallel()
	service := diag.Object{Kind: "Service", Namespace: "shop", Name: "cart"}
	other := diag.Object{Kind: "Service", Namespace: "shop", Name: "web"}
	pods := diag.Object{Kind: "Deployment", Namespace: "shop", Name: "cart-next"}
	covering := func(object diag.Object, code diag.Code) diag.Diagnostic {
		d := diag.New(diag.InvalidAnnotation, object, "no such annotation")
		d.Covers = code
		return d
	}
	unknown := diag.New(diag.ReleasedUnknown, service, "left alone: two workloads")
	unselected := diag.New(diag.PreviewUnselected, pods, "no Service that was read selects its pods")
	for _, test := range []struct {
		name string
		in   []diag.Diagnostic
		want []string
	}{
		{"nothing", nil, nil},
		{
			"a cause takes over what is released",
			[]diag.Diagnostic{covering(service, diag.ReleasedUnknown), unknown},
			[]string{"no such annotation (until then left alone: two workloads)"},
		},
		{
			"by its target",
			[]diag.Diagnostic{unknown, covering(pods, diag.ReleasedUnknown).For(service)},
			[]string{"no such annotation (until then Service shop/cart is left alone: two workloads)"},
		},
		{
			"of another object",
			[]diag.Diagnostic{covering(other, diag.ReleasedUnknown), unknown},
			[]string{"no such annotation", "left alone: two workloads"},
		},
		{
			"of another code",
			[]diag.Diagnostic{covering(service, diag.IsolatedNoVersion), unknown},
			[]string{"no such annotation", "left alone: two workloads"},
		},
		{
			"two causes",
			[]diag.Diagnostic{covering(service, diag.ReleasedUnknown), covering(service, diag.ReleasedUnknown), unknown},
			[]string{"no such annotation (until then left alone: two workloads)", "no such annotation"},
		},
		{
			"no version",
			[]diag.Diagnostic{diag.New(diag.IsolatedNoVersion, service, "not which"), covering(service, diag.IsolatedNoVersion)},
			[]string{"no such annotation"},
		},
		{
			"no Service at all",
			[]diag.Diagnostic{diag.New(diag.NoServices, diag.Object{}, "none"), unselected},
			[]string{"none"},
		},
		{
			"a broken document",
			[]diag.Diagnostic{diag.New(diag.BrokenDocument, diag.Object{}, "broken"), unselected},
			[]string{"broken"},
		},
		{
			"a Service that can't be decoded",
			[]diag.Diagnostic{diag.New(diag.UndecodableObject, service, "broken"), unselected},
			[]string{"broken"},
		},
		{
			"a Service of another namespace that can't be decoded",
			[]diag.Diagnostic{diag.New(diag.UndecodableObject, diag.Object{Kind: "Service", Namespace: "lab", Name: "cart"}, "broken"), unselected},
			[]string{"broken", "no Service that was read selects its pods"},
		},
		{
			"a label that is meant",
			[]diag.Diagnostic{diag.New(diag.NoServices, diag.Object{}, "none"), unselected.For(service)},
			[]string{"none", "no Service that was read selects its pods"},
		},
	} {
		before := append([]diag.Diagnostic(nil), test.in...)
		var got []string
		for _, d := range diag.Fold(test.in) {
			got = append(got, d.Message)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
		if d := cmp.Diff(before, test.in); d != "" {
			t.Errorf("%s: the list was changed:\n%s", test.name, d)
		}
	}
	d := diag.New(diag.EntranceNotPinned, service, "a gateway")
	d.Severity, d.Covers = diag.Info, diag.ReleasedUnknown
	if got := diag.Fold([]diag.Diagnostic{d, unknown}); len(got) != 1 || got[0].Severity != diag.Warning {
		t.Errorf("the severity of what is covered is lost: %v", got)
	}
}
