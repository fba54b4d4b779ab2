//go:build unix

package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/overrides-mesh/overrides/internal/source/manifesttest"
)

// These benchmarks run the program as users do: built like make build, in its own
// process. The programs that they are compared with run in the same benchmark run, since
// machines differ and are noisy.

func build(b *testing.B) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "overrides")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// run runs a command b.N times and reports the largest resident set.
func run(b *testing.B, name string, args ...string) {
	b.Helper()
	var peak int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), name, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v\n%s", name, err, stderr.String())
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, usage.Maxrss)
		}
	}
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
}

// BenchmarkStartup measures the time from a command line to its answer.
func BenchmarkStartup(b *testing.B) {
	binary := build(b)
	if info, err := os.Stat(binary); err == nil {
		b.Logf("the binary has %.1f MB", float64(info.Size())/1e6)
	}
	b.Run("version", func(b *testing.B) { run(b, binary, "version") })
	b.Run("chain", func(b *testing.B) { run(b, binary, "generate", "-f", "../../examples/chain") })
}

// BenchmarkGenerate reads manifests of about 2 and 20 MB and prints the resulting
// configuration, beside kubectl kustomize, which reads and prints the same manifest. That
// takes kubectl half an hour for the larger one, so it runs only with
// OVERRIDES_BENCH_KUSTOMIZE=1.
func BenchmarkGenerate(b *testing.B) {
	binary := build(b)
	for name, services := range map[string]int{"2MB": manifesttest.Services / 10, "20MB": manifesttest.Services} {
		dir := manifest(b, services)
		file := filepath.Join(dir, "all.yaml")
		b.Run(name+"/overrides-generate", func(b *testing.B) { run(b, binary, "generate", "-q", "-f", file) })
		b.Run(name+"/overrides-check", func(b *testing.B) { run(b, binary, "check", "-q", "-f", file) })
		b.Run(name+"/kubectl-kustomize", func(b *testing.B) {
			if services == manifesttest.Services && os.Getenv("OVERRIDES_BENCH_KUSTOMIZE") == "" {
				b.Skip("OVERRIDES_BENCH_KUSTOMIZE is not set")
			}
			kubectl, err := exec.LookPath("kubectl")
			if err != nil {
				b.Skip("there is no kubectl to compare with")
			}
			run(b, kubectl, "kustomize", dir)
		})
	}
}

// manifest writes a kustomization of one file with so many Services.
func manifest(b *testing.B, services int) string {
	b.Helper()
	dir := b.TempDir()
	file, err := os.Create(filepath.Join(dir, "all.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	if err := manifesttest.Write(file, services, manifesttest.Versions); err != nil {
		b.Fatal(err)
	}
	if info, err := file.Stat(); err == nil {
		b.Logf("the manifest has %.1f MB, %d Services of %d versions", float64(info.Size())/1e6, services, manifesttest.Versions)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [all.yaml]\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}
