package operator_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/localmesh/fleet"
	"github.com/overrides-mesh/overrides/localmesh/meter"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// TestFleet starts an operator in a cluster with many Services, OVERRIDES_FLEET or 20: it
// writes two objects for each and nothing else, and for a change of one Service no object
// of another. Time and memory are only logged: on a busy machine they prove nothing.
func TestFleet(t *testing.T) {
	t.Parallel()
	n := 20
	if text := os.Getenv("OVERRIDES_FLEET"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		check(t, err)
	}
	plane := ownPlane(t)
	check(t, installCRDs(t.Context(), plane))
	check(t, fleet.Load(t.Context(), plane.Config, "fleet", n))
	s := &shop{namespace: "fleet", plane: plane, config: plane.Config}
	var err error
	s.objects, err = dynamic.NewForConfig(plane.Config)
	check(t, err)
	s.kube, err = kubernetes.NewForConfig(plane.Config)
	check(t, err)
	proxy, err := meter.Start(t.Context(), plane.Config, t.TempDir())
	check(t, err)
	r := &running{meter: proxy}
	began := time.Now()
	p := start(t, programtest.Overrides(t, "../.."), "--kubeconfig", proxy.Kubeconfig, "--all-namespaces", "--istiod-sync", "off", "--propagation-delay", "1s", "--drain-delay", "1s",
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
	s.holds(t, 2*n)
	t.Logf("%d Services: all %d objects after %v, %s", n, 2*n, time.Since(began).Round(time.Millisecond), p.memory())
	var writes []string
	eventually(t, "writes", func(context.Context) string {
		if writes = append(writes, r.writes()...); len(writes) < 2*n {
			return fmt.Sprintf("%d, want %d", len(writes), 2*n)
		}
		return ""
	})
	if len(writes) != 2*n {
		slices.Sort(writes)
		t.Errorf("%d writes, want %d:\n%s", len(writes), 2*n, strings.Join(writes, "\n"))
	}
	for i := range 5 {
		s.rollOne(t, r, i%n)
	}
	t.Logf("after changes: %s", p.memory())
}

// rollOne makes a version unready and ready again.
func (s *shop) rollOne(t *testing.T, r *running, number int) {
	t.Helper()
	name := fmt.Sprintf("service-%d", number)
	slices, err := s.kube.DiscoveryV1().EndpointSlices(s.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
	check(t, err)
	slice := slices.Items[0].Name
	for _, ready := range []string{"false", "true"} {
		patch := fmt.Appendf(nil, `[{"op":"replace","path":"/endpoints/1/conditions/ready","value":%s}]`, ready)
		r.writes()
		began := time.Now()
		_, err := s.kube.DiscoveryV1().EndpointSlices(s.namespace).Patch(t.Context(), slice, types.JSONPatchType, patch, metav1.PatchOptions{})
		check(t, err)
		var writes []string
		eventually(t, "a write", func(context.Context) string {
			writes = append(writes, r.writes()...)
			if len(writes) == 0 {
				return "there is none"
			}
			return ""
		})
		t.Logf("%s: ready %s → written: %v", name, ready, time.Since(began).Round(time.Millisecond))
		if len(writes) != 1 || !strings.Contains(writes[0], "PATCH virtualservices/"+name+"-overrides ") {
			t.Errorf("writes %v, want one for the VirtualService of %s", writes, name)
		}
	}
}

// holds waits until the operator has that many objects.
func (s *shop) holds(t *testing.T, n int) {
	t.Helper()
	eventually(t, "objects", func(ctx context.Context) string {
		got := 0
		for _, resource := range []string{"virtualservices", "destinationrules"} {
			list, err := s.objects.Resource(virtualServices.GroupVersion().WithResource(resource)).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err.Error()
			}
			got += len(list.Items)
		}
		if got != n {
			return fmt.Sprintf("there are %d, want %d", got, n)
		}
		return ""
	})
}

// memory is the resident memory of a process, now and at its maximum, as Linux reports
// it.
func (p instance) memory() string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.ID()), "status"))
	if err != nil {
		return "memory not known"
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(out, ", ")
}
