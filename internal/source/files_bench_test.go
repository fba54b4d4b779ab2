package source_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/source"
	"github.com/overrides-mesh/overrides/internal/source/manifesttest"
)

// BenchmarkRead20MB reads a manifest of 14,300 objects as a pipe would bring it.
func BenchmarkRead20MB(b *testing.B) {
	var manifest bytes.Buffer
	if err := manifesttest.Write(&manifest, manifesttest.Services, manifesttest.Versions); err != nil {
		b.Fatal(err)
	}
	text := manifest.String()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		objects, diags, err := source.Read(b.Context(), []string{"-"}, strings.NewReader(text), source.FileOptions{})
		if err != nil || len(diags) > 0 {
			b.Fatal(err, diags)
		}
		if got, want := len(objects.Workloads), manifesttest.Services*manifesttest.Versions; got != want {
			b.Fatalf("%d Deployments, want %d", got, want)
		}
	}
}
