package controlplane_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/fleet"
	"github.com/overrides-mesh/overrides/localmesh/meter"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// services is the number of Services that TestGenerate reads, OVERRIDES_FLEET or 1,000.
func services(tb testing.TB) int {
	tb.Helper()
	value := os.Getenv("OVERRIDES_FLEET")
	if value == "" {
		return 1000
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		tb.Fatalf("OVERRIDES_FLEET: %v", err)
	}
	return n
}

// TestGenerate reads a large cluster with the command and counts its requests to the API
// server: lists, in pages, and none per Service. The time that it takes is only logged:
// on a busy machine it proves nothing.
func TestGenerate(t *testing.T) {
	programtest.Cluster.Need(t, program.Kubernetes())
	command := programtest.Overrides(t, "../..", "-trimpath")
	// This is not the shared server, since requests of other tests would be counted.
	server := startAlone(t)
	n := services(t)
	began := time.Now()
	if err := fleet.Load(t.Context(), server.Config, "shop", n); err != nil {
		t.Fatal(err)
	}
	t.Logf("loaded %d Services in %v", n, time.Since(began).Round(time.Millisecond))

	proxy, err := meter.Start(t.Context(), server.Config, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	output, took := run(t, command, "generate", "--all-namespaces", "--kubeconfig", proxy.Kubeconfig)
	requests := proxy.Requests()
	var lists, bytesRead int64
	for _, request := range requests {
		t.Log(request)
		bytesRead += request.Bytes
		if request.Query.Has("limit") {
			lists++
		}
		if strings.Contains(request.Path, "/service-") {
			t.Errorf("a request for one Service: %s", request)
		}
	}
	t.Logf("generate: %v, %d requests, %d of them pages of lists, %d bytes", took.Round(time.Millisecond), len(requests), lists, bytesRead)
	if most := 40 + n/100; len(requests) > most {
		t.Errorf("%d requests, want no more than %d", len(requests), most)
	}
	for _, kind := range []string{"VirtualService", "DestinationRule"} {
		if got := bytes.Count(output, []byte("\nkind: "+kind+"\n")); got != n {
			t.Errorf("%d objects of kind %s, want one for each of %d Services", got, kind, n)
		}
	}
}

// BenchmarkGenerateFromCluster measures the command from start to end, and its largest
// resident set.
func BenchmarkGenerateFromCluster(b *testing.B) {
	programtest.Cluster.Need(b, program.Kubernetes())
	command := programtest.Overrides(b, "../..", "-tags", "grpcnotrace", "-trimpath", "-ldflags", "-s -w")
	server := startAlone(b)
	if err := fleet.Load(b.Context(), server.Config, "shop", services(b)); err != nil {
		b.Fatal(err)
	}
	proxy, err := meter.Start(b.Context(), server.Config, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	run(b, command, "generate", "--all-namespaces", "--kubeconfig", proxy.Kubeconfig)
	requests := len(proxy.Requests())
	if err := proxy.Close(); err != nil {
		b.Fatal(err)
	}
	best := time.Duration(math.MaxInt64)
	var peak int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), command, "generate", "-q", "--all-namespaces", "--kubeconfig", server.Kubeconfig)
		began := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(began))
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, usage.Maxrss)
		}
	}
	b.ReportMetric(float64(requests), "requests")
	b.ReportMetric(best.Seconds(), "best-s")
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
}

// TestFleet loads a few Services and checks the objects.
func TestFleet(t *testing.T) {
	t.Parallel()
	server := controlPlane(t)
	const n = 20
	if err := fleet.Load(t.Context(), server.Config, "fleet", n); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := client.CoreV1().Pods("fleet").List(t.Context(), metav1.ListOptions{FieldSelector: "status.phase=Running"})
	if err != nil {
		t.Fatal(err)
	}
	slices, err := client.DiscoveryV1().EndpointSlices("fleet").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 2*n || len(slices.Items) != n {
		t.Errorf("%d running Pods and %d EndpointSlices, want %d and %d", len(pods.Items), len(slices.Items), 2*n, n)
	}
	if err := fleet.Load(t.Context(), server.Config, "fleet", 1); err == nil {
		t.Error("loaded into a namespace that was there already")
	}
}

// startAlone starts a control plane for one test.
func startAlone(tb testing.TB) *controlplane.Plane {
	tb.Helper()
	server, err := controlplane.Start(tb.Context(), controlplane.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Stop(); err != nil {
			tb.Error(err)
		}
	})
	istio, err := controlplane.IstioCRDs(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if err := server.InstallCRDs(tb.Context(), istio, "../../config/crd/overrides.mesh_overridepolicies.yaml"); err != nil {
		tb.Fatal(err)
	}
	return server
}

// run runs command and returns its output and its duration.
func run(tb testing.TB, command string, args ...string) ([]byte, time.Duration) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), command, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	output, err := cmd.Output()
	took := time.Since(began)
	if err != nil {
		tb.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, stderr.Bytes())
	}
	return output, took
}
