package chart_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/test/chart"
)

// TestPackage: the packaged chart of a release installs the image of that release.
func TestPackage(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "chart")
	path, err := chart.Package("../..", "v1.2.3-rc.1", folder)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(folder, "overrides-1.2.3-rc.1.tgz"); path != want {
		t.Errorf("it is %s, want %s", path, want)
	}
	rendered, err := chart.Render(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	images := 0
	for _, o := range rendered.All() {
		images += strings.Count(o.Text, "image: ghcr.io/overrides-mesh/overrides:v1.2.3-rc.1\n") + strings.Count(o.Text, `image: "ghcr.io/overrides-mesh/overrides:v1.2.3-rc.1"`+"\n")
	}
	if images != 2 {
		t.Errorf("%d containers have the image of the release, want 2: the operator's and that of cleanup", images)
	}
}

func TestPackageRefuses(t *testing.T) {
	t.Parallel()
	if path, err := chart.Package("../..", "next", t.TempDir()); err == nil {
		t.Errorf("a version that is none gives %s", path)
	}
}
