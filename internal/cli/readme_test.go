package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/cli"
)

// released is Service reviews before README's first preview.
const released = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{port: 80, name: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: shop}
spec: {selector: {matchLabels: {app: reviews}}, template: {metadata: {labels: {app: reviews}}, spec: {containers: [{name: reviews, image: reviews}]}}}
`

// TestReadmeFirstPreview applies README's first preview: there are no diagnostics, the
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
	dir := t.TempDir()
	for name, text := range map[string]string{"released.yaml": released, "preview.yaml": block} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
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
		{[]string{"explain", "--to", "reviews.shop", "--header", "x-override: reviews:pr-118"}, "client → reviews: pr-118"},
		{[]string{"explain", "--to", "reviews.shop"}, "✓ ordinary.reviews"},
	} {
		if got := run(test.args...); !strings.Contains(got, test.want) {
			t.Errorf("%v prints\n%s\nwant %q in it", test.args, got, test.want)
		}
	}
}
