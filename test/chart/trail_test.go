package chart_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/cli"
)

// TestTrailFilter: the chart installs the EnvoyFilter that overrides trail filter prints, but for labels.
func TestTrailFilter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values map[string]any
		args   []string
	}{
		{nil, nil},
		{
			map[string]any{"headerName": "x-variant", "clusterDomain": "example.org", "fullnameOverride": "variants"},
			[]string{"--header-name", "x-variant", "--namespaces", "shop,ingress", "--collector", "variants-trail.overrides-system.svc.example.org:9911"},
		},
	} {
		values := map[string]any{"trail": map[string]any{"enabled": true}}
		if c.values != nil {
			values["trail"] = map[string]any{"enabled": true, "namespaces": []any{"shop", "ingress"}}
		}
		maps.Copy(values, c.values)
		var got []string
		for _, o := range render(t, values).All() {
			if o.GetKind() == "EnvoyFilter" {
				object := o.DeepCopy()
				object.SetLabels(nil)
				got = append(got, text(t, object))
			}
		}
		var out, said bytes.Buffer
		if code := cli.Main(t.Context(), append([]string{"overrides", "trail", "filter"}, c.args...), cli.Streams{In: &said, Out: &out, Err: &said}); code != 0 {
			t.Fatal(said.String())
		}
		var want []string
		for document := range strings.SplitSeq(strings.TrimPrefix(out.String(), "---\n"), "---\n") {
			object := &unstructured.Unstructured{}
			check(t, yaml.Unmarshal([]byte(document), object))
			want = append(want, text(t, object))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-command +chart):\n%s", c.args, diff)
		}
	}
}

func text(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	out, err := yaml.Marshal(object)
	check(t, err)
	return string(out)
}
