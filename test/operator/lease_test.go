package operator_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/operator"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const lostLease = "the lease is lost"

// slowRequests delays every request for a lease, and every write.
type slowRequests struct {
	next http.RoundTripper
	by   time.Duration
}

func (s *slowRequests) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet || strings.Contains(request.URL.Path, "/leases") {
		select {
		case <-time.After(s.by):
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	return s.next.RoundTrip(request)
}

// TestSlowLease: with round trips of 2 s and the default times, an operator leads, keeps
// leading, and writes.
func TestSlowLease(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "slowlease")
	config := rest.CopyConfig(s.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &slowRequests{next, 2 * time.Second} })
	o := options(s.namespace)
	o.LeaderElection, o.LeaseNamespace = true, s.namespace
	ctx, cancel := context.WithCancel(t.Context())
	log, done := &programtest.Log{}, make(chan error, 1)
	go func() { done <- operator.Run(ctx, config, o, slog.New(slog.NewTextHandler(log, nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	s.deploy(t, "v2")
	s.hasSubset(t, "v2")
	first := s.lease(t).Spec.RenewTime.Time
	eventually(t, "renewals for longer than the lease", func(context.Context) string {
		if now := s.lease(t).Spec.RenewTime.Time; now.Sub(first) < o.Lease.Duration {
			return "renewed at " + now.String()
		}
		return ""
	})
	if strings.Contains(log.String(), lostLease) {
		t.Error("the lease was lost")
	}
}

func (s *shop) lease(t *testing.T) *coordinationv1.Lease {
	t.Helper()
	lease, err := s.kube.CoordinationV1().Leases(s.namespace).Get(t.Context(), operator.LeaseName, metav1.GetOptions{})
	check(t, err)
	return lease
}

// TestAPIServerRestart: an API server that is away for longer than the lease ends the
// operator's term, but not the program, which continues afterwards.
func TestAPIServerRestart(t *testing.T) {
	t.Parallel()
	plane := ownPlane(t)
	istio, err := controlplane.IstioCRDs(t.Context())
	check(t, err)
	check(t, plane.InstallCRDs(t.Context(), istio, policyCRD))
	s := openShop(t, plane, "away")
	p := start(t, programtest.Overrides(t, "../.."),
		"--kubeconfig", s.kubeconfig, "--namespaces", s.namespace, "--leader-elect", "--lease-namespace", s.namespace,
		"--lease-duration", "3s", "--lease-renew-deadline", "2s", "--lease-retry-period", "200ms",
		"--propagation-delay", "200ms", "--drain-delay", "200ms", "--metrics-bind-address", "0", "--health-probe-bind-address", "0")
	s.deploy(t, "v2")
	s.converges(t, 2)
	check(t, plane.Signal("kube-apiserver", syscall.SIGSTOP))
	eventually(t, "the end of the term", func(context.Context) string {
		if !strings.Contains(p.Log(), lostLease) {
			return "the lease is not lost"
		}
		return ""
	})
	check(t, plane.Restart(t.Context(), "kube-apiserver"))
	eventually(t, "the API server", func(ctx context.Context) string {
		if _, err := s.kube.CoreV1().Namespaces().Get(ctx, s.namespace, metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		return ""
	})
	s.ready(t, "v2", true)
	s.deploy(t, "v3")
	s.converges(t, 2)
	select {
	case <-p.Ended():
		t.Errorf("the program has ended: %v", p.State())
	default:
	}
	if n := strings.Count(p.Log(), "msg=reconciling"); n < 2 {
		t.Errorf("it has led %d times, want twice", n)
	}
}
