package chart_test

import (
	"bytes"
	"maps"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/cli"
	"github.com/overrides-mesh/overrides/test/chart"
)

// TestHelmRecipe renders the chart of the recipe twice, as it says: as the released version
// and as the preview.
func TestHelmRecipe(t *testing.T) {
	t.Parallel()
	const recipe = repository + "/docs/recipes/helm"
	text, err := os.ReadFile(recipe + "/values-pr-118.yaml")
	check(t, err)
	preview := map[string]any{}
	check(t, yaml.Unmarshal(text, &preview))
	var manifests bytes.Buffer
	for _, values := range []map[string]any{{"fullnameOverride": "reviews"}, preview} {
		rendered, err := chart.Render(t.Context(), recipe, maps.Clone(values))
		check(t, err)
		for _, o := range rendered.Objects {
			manifests.WriteString("---\n" + o.Text + "\n")
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"check", "-n", "shop", "-f", "-"}, "2 Services: nothing to report"},
		{[]string{"explain", "-n", "shop", "-f", "-", "--to", "reviews", "-H", "x-override: reviews:pr-118"}, "client → reviews: pr-118"},
	} {
		var out bytes.Buffer
		if rc := cli.Main(t.Context(), append([]string{"overrides"}, test.args...), cli.Streams{In: bytes.NewReader(manifests.Bytes()), Out: &out, Err: &out}); rc != 0 || !strings.Contains(out.String(), test.want) {
			t.Errorf("%v: exit code %d\n%s\nwant %q in it\n%s", test.args, rc, &out, test.want, &manifests)
		}
	}
}
