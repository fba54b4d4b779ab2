package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/cli"
)

// TestReadmeFirstPreview runs README's first preview, without a cluster: there are no diagnostics, the
// request reaches the preview, and ordinary requests do not.
func TestReadmeFirstPreview(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(readme), "## Your first preview\n")
	_, block, hasYAML := strings.Cut(block, "```yaml\n")
	block, _, ends := strings.Cut(block, "```")
	if !found || !hasYAML || !ends {
		t.Fatal("README has no first preview")
	}
	const dir = "../../examples/preview"
	if shown, err := os.ReadFile(filepath.Join(dir, "reviews-pr-118.yaml")); err != nil || string(shown) != block {
		t.Fatalf("README shows another preview than examples/preview (%v):\n%s", err, block)
	}
	run := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if rc := cli.Main(t.Context(), append([]string{"overrides"}, append(args, "-f", dir)...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); rc != 0 {
			t.Fatalf("%v: exit code %d\n%s%s", args, rc, &out, &errs)
		}
		return out.String() + errs.String()
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"check"}, "nothing to report"},
		{[]string{"explain", "-n", "shop", "--to", "reviews", "--header", "x-override: reviews:pr-118"}, "client → reviews: pr-118"},
		{[]string{"generate"}, "name: override.reviews.pr-118"},
		{[]string{"explain", "--to", "reviews.shop"}, "✓ ordinary.reviews"},
	} {
		if got := run(test.args...); !strings.Contains(got, test.want) {
			t.Errorf("%v prints\n%s\nwant %q in it", test.args, got, test.want)
		}
	}
}

// TestKustomizeRecipe builds the base and the overlay of the recipe, as it says.
func TestKustomizeRecipe(t *testing.T) {
	t.Parallel()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("there is no kubectl")
	}
	var manifests []byte
	for _, folder := range []string{"base", "preview"} {
		built, err := exec.CommandContext(t.Context(), kubectl, "kustomize", "../../docs/recipes/kustomize/"+folder).Output()
		if err != nil {
			t.Fatalf("build %s: %v", folder, err)
		}
		manifests = append(append(manifests, "---\n"...), built...)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"check", "-f", "-"}, "2 Services: nothing to report"},
		{[]string{"explain", "-f", "-", "-n", "shop", "--to", "reviews", "-H", "x-override: reviews:pr-118"}, "client → reviews: pr-118"},
	} {
		var out bytes.Buffer
		if rc := cli.Main(t.Context(), append([]string{"overrides"}, test.args...), cli.Streams{In: bytes.NewReader(manifests), Out: &out, Err: &out}); rc != 0 || !strings.Contains(out.String(), test.want) {
			t.Errorf("%v: exit code %d\n%s\nwant %q in it", test.args, rc, &out, test.want)
		}
	}
}
