package preview_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/preview"
)

var update = flag.Bool("update", false, "rewrite what the archives want")

// TestPreviews compares the manifests and diagnostics of one preview with each archive, and
// checks the contract.
func TestPreviews(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		if len(archive.Files) < 2 || archive.Files[0].Name != "input.yaml" || archive.Files[1].Name != "request.yaml" {
			t.Fatal("want input.yaml, request.yaml and want.txt, in this order")
		}
		request := preview.Request{Service: "cart", Namespace: "shop", Version: "pr-118", Image: "new:1", Replicas: 1}
		if err := yaml.UnmarshalStrict(archive.Files[1].Data, &request); err != nil {
			t.Fatal(err)
		}
		text := string(archive.Files[0].Data)
		out := read(t, text, files).preview(t, request)
		var got strings.Builder
		for _, d := range out.Diagnostics {
			fmt.Fprintf(&got, "%s\n", d)
		}
		if len(out.Objects) > 0 {
			fmt.Fprintf(&got, "%s\n%s", out.Member, printed(t, out))
		}
		archivetest.Want(t, *update, file, archive, got.String())
		keepsContract(t, text, request, files)
		keepsContract(t, text, request, cluster)
		if there := printed(t, read(t, text, cluster).preview(t, request)); there != printed(t, out) {
			t.Errorf("in a cluster it is another:\n%s", there)
		}
	})
}

// TestExpiry: the time of expiry is written in UTC.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := read(t, service("cart", "app: cart", "ports: [{name: http, port: 80}]")+"---\n"+workload("Deployment", "cart", "matchLabels: {app: cart}", "app: cart"), files)
	out := w.preview(t, preview.Request{
		Service: "cart", Namespace: "shop", Version: "pr-118", Image: "new:1", Replicas: 1, Owner: "alice",
		Expires: time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600)),
	})
	if len(out.Objects) != 2 {
		t.Fatalf("%d objects: %v", len(out.Objects), out.Diagnostics)
	}
	for _, o := range out.Objects {
		got, _ := yaml.Marshal(o.Content["metadata"])
		if !strings.Contains(string(got), `overrides.mesh/expires: "2027-01-01T00:00:00Z"`) || !strings.Contains(string(got), "overrides.mesh/preview-owner: alice") {
			t.Errorf("%s has\n%s", o.Object, got)
		}
	}
}

// TestNamesDiffer: two previews never share a name.
func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	w := read(t, service("cart", "app: cart", "ports: [{name: http, port: 80}]")+"---\n"+workload("Deployment", "cart", "matchLabels: {app: cart}", "app: cart"), files)
	seen := map[string]string{}
	for _, version := range []string{"pr-1", "PR-1", "pr_1", "pr.1", "1", strings.Repeat("a", 63), strings.Repeat("a", 62) + "b"} {
		out := w.preview(t, preview.Request{Service: "cart", Namespace: "shop", Version: version, Image: "new:1", Replicas: 1})
		if len(out.Objects) != 2 {
			t.Fatalf("%s: %v", version, out.Diagnostics)
		}
		name := out.Objects[1].Name
		if other, taken := seen[name]; taken || len(name) > 63 {
			t.Errorf("%s and %s are both %s", version, other, name)
		}
		seen[name] = version
	}
}
