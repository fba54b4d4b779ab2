//go:build unix

package main_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/source/manifesttest"
)

// These benchmarks run the program as users do: built like make build, in its own
// process. The programs that they are compared with run in the same benchmark run, since
// machines differ and are noisy.

func build(b *testing.B) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "overrides")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-tags", "grpcnotrace", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// run runs a command b.N times. It reports the shortest time, the shortest time of processors,
// which depends less on other load, and the largest resident set.
func run(b *testing.B, name string, args ...string) {
	b.Helper()
	best, processors := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	var peak int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), name, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		began := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v\n%s", name, err, stderr.String())
		}
		best = min(best, time.Since(began))
		processors = min(processors, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, usage.Maxrss)
		}
	}
	b.ReportMetric(best.Seconds(), "best-s")
	b.ReportMetric(processors.Seconds(), "cpu-s")
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
}

// size returns the size of a file.
func size(b *testing.B, file string) float64 {
	b.Helper()
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size())
}

// BenchmarkStartup measures the time from a command line to its answer.
func BenchmarkStartup(b *testing.B) {
	binary := build(b)
	b.Run("version", func(b *testing.B) {
		run(b, binary, "version")
		b.ReportMetric(size(b, binary), "binary-B")
	})
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
		read := func(program string, args ...string) func(b *testing.B) {
			return func(b *testing.B) {
				b.Helper()
				run(b, program, args...)
				b.ReportMetric(size(b, file), "manifest-B")
			}
		}
		b.Run(name+"/overrides-generate", read(binary, "generate", "-q", "-f", file))
		b.Run(name+"/overrides-check", read(binary, "check", "-q", "-f", file))
		b.Run(name+"/kubectl-kustomize", func(b *testing.B) {
			if services == manifesttest.Services && os.Getenv("OVERRIDES_BENCH_KUSTOMIZE") == "" {
				b.Skip("OVERRIDES_BENCH_KUSTOMIZE is not set")
			}
			kubectl, err := exec.LookPath("kubectl")
			if err != nil {
				b.Skip("there is no kubectl to compare with")
			}
			read(kubectl, "kustomize", dir)(b)
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
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [all.yaml]\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}
