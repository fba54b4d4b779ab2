package discover

import (
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// minimal is what objects of some kinds must have to decide anything.
var minimal = map[string]string{
	"Endpoints":                    `"subsets": [{"addresses": [{}]}],`,
	"WorkloadEntry":                `"spec": {"labels": {"app": "a"}},`,
	"WorkloadGroup":                `"spec": {"metadata": {"labels": {"app": "a"}}},`,
	"AuthorizationPolicy":          `"spec": {"action": "CUSTOM", "provider": {"name": "a"}},`,
	"ConfigMap":                    `"data": {"mesh": ""},`,
	"MutatingWebhookConfiguration": "",
}

// TestKinds holds the list of kinds against what becomes of their objects: each is
// decoded in each of its versions, kept, found a place for, and named as the list
// names it.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		for _, version := range k.Versions {
			apiVersion := strings.TrimPrefix(k.Group+"/"+version, "/")
			doc := `{"apiVersion": "` + apiVersion + `", "kind": "` + k.Name + `", ` + minimal[k.Name] +
				`"metadata": {"name": "istio", "namespace": "shop", "labels": {"istio.io/tag": "a", "istio.io/rev": "b"}}}`
			if !Wanted(apiVersion, k.Name, []byte(doc)) {
				t.Errorf("%s %s: is not wanted", apiVersion, k.Name)
			}
			parsed := Parse([]byte(doc), "", diag.Origin{})
			if len(parsed.Diagnostics) > 0 || parsed.Only() == nil {
				t.Errorf("%s %s: %v, and %v is kept", apiVersion, k.Name, parsed.Diagnostics, parsed.Only())
				continue
			}
			var o Objects
			if at := o.put(parsed.Only(), -1); at != 0 {
				t.Errorf("%s %s: there is no place for it", apiVersion, k.Name)
			}
			want := diag.Object{Kind: k.ObjectKind(), Namespace: "shop", Name: "istio"}
			if k.Scope == Unscoped {
				want.Namespace = ""
			}
			if got := parsed.objects[0].name; got != want {
				t.Errorf("%s: is called %v, want %v", k.Name, got, want)
			}
		}
		for _, served := range k.Served {
			if !slices.Contains(k.Versions, served) {
				t.Errorf("%s: a cluster is asked for %s, which can't be decoded", k.Name, served)
			}
		}
		if k.Served != nil && k.Without == "" {
			t.Errorf("%s: nothing says what a reader misses that may not list it", k.Name)
		}
		if k.Types != nil && k.Served != nil && !slices.Equal(k.Served, v1) {
			t.Errorf("%s: its Go types are of version v1, and a cluster is asked for %v", k.Name, k.Served)
		}
		if plural := strings.ToLower(k.Name); !strings.HasPrefix(k.Plural, strings.TrimSuffix(plural, "y")) {
			t.Errorf("%s: is called %s", k.Name, k.Plural)
		}
	}
}
