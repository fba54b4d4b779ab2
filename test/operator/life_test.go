package operator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	ruleName    = "destinationrules/cart-overrides"
	serviceName = "virtualservices/cart-overrides"
)

// expect waits for the wanted number of writes, and compares them. A write is counted
// when it is answered, which may be after its effect was seen.
func (r *running) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.await(t, what, want)); diff != "" {
		t.Errorf("%s: writes (-want +got):\n%s", what, diff)
	}
}

// expectTogether is expect for writes that no order is promised for.
func (r *running) expectTogether(t *testing.T, what string, want ...string) {
	t.Helper()
	got := r.await(t, what, want)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: writes, sorted (-want +got):\n%s", what, diff)
	}
}

// await returns the writes when there are as many as wanted.
func (r *running) await(t *testing.T, what string, want []string) []string {
	t.Helper()
	var got []string
	eventually(t, what, func(context.Context) string {
		if got = append(got, r.writes()...); len(got) < len(want) {
			return fmt.Sprintf("writes %v, want %v", got, want)
		}
		return ""
	})
	return got
}

// TestLife lets versions appear, become ready, fail, recover and disappear. After each
// change the cluster has the output of generate, with no more writes than changed
// objects. A version changes the VirtualService twice: strict sets with its name are due
// when it exists, and its routes follow when it is ready.
func TestLife(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "life")
	r := run(t, s.config, options(s.namespace))
	s.converges(t, 0)
	s.deployment(t, "v2")
	s.converges(t, 2)
	r.expect(t, "a Deployment", "PATCH "+ruleName+" 201", "PATCH "+serviceName+" 201")
	s.pod(t, "v2")
	s.converges(t, 2)
	r.expect(t, "and its Pod", "PATCH "+ruleName+" 200")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	r.expect(t, "ready", "PATCH "+serviceName+" 200")
	s.deploy(t, "v3")
	s.converges(t, 2)
	r.expectTogether(t, "another", "PATCH "+ruleName+" 200", "PATCH "+serviceName+" 200")
	s.ready(t, "v3", true)
	s.converges(t, 2)
	r.expect(t, "ready too", "PATCH "+serviceName+" 200")
	s.ready(t, "v3", false)
	s.converges(t, 2)
	s.ready(t, "v3", true)
	s.converges(t, 2)
	r.expect(t, "failed and recovered", "PATCH "+serviceName+" 200", "PATCH "+serviceName+" 200")
	s.remove(t, "v3")
	s.converges(t, 2)
	r.expect(t, "gone", "PATCH "+serviceName+" 200", "PATCH "+ruleName+" 200")
	s.remove(t, "v2")
	s.converges(t, 0)
	r.expect(t, "all gone", "PATCH "+serviceName+" 200", "DELETE "+serviceName+" 200", "DELETE "+ruleName+" 200")
}

// TestIdle: a change without effect causes no write. A write that follows it shows that
// the operator has processed it.
func TestIdle(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "idle")
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	r := run(t, s.config, options(s.namespace))
	s.converges(t, 2)
	r.expect(t, "v2", "PATCH "+ruleName+" 201", "PATCH "+serviceName+" 201")
	for i := range 20 {
		s.touch(t, i)
	}
	s.deploy(t, "v3")
	s.converges(t, 2)
	r.expectTogether(t, "v3 alone", "PATCH "+ruleName+" 200", "PATCH "+serviceName+" 200")
}

// touch changes only fields without effect: annotations, and when pods were last seen.
func (s *shop) touch(t *testing.T, i int) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"touched":"%d"}}}`, i)
	_, err := s.kube.CoreV1().Services(s.namespace).Patch(t.Context(), "cart", types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	_, err = s.kube.AppsV1().Deployments(s.namespace).Patch(t.Context(), "cart-v2", types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	_, err = s.kube.CoreV1().Pods(s.namespace).Patch(t.Context(), pod("v2"), types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
}

// TestRestart: an operator that starts processes the changes since the last one ended,
// and touches nothing else.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "restart")
	first := run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	first.stop()
	again := run(t, s.config, options(s.namespace))
	s.deploy(t, "v3")
	s.converges(t, 2)
	again.expectTogether(t, "nothing but a version", "PATCH "+ruleName+" 200", "PATCH "+serviceName+" 200")
	again.stop()
	s.remove(t, "v2")
	s.ready(t, "v3", true)
	run(t, s.config, options(s.namespace))
	s.converges(t, 2)
}

// TestEvents: the Service gets one Event each when a version becomes overridable, and
// when it no longer is.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "events")
	r := run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.converges(t, 2)
	s.ready(t, "v2", true)
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	// Not only the first times: if an Event counts as another one of a series, clients
	// don't see it for minutes.
	for n := range 3 {
		s.ready(t, "v2", false)
		s.hasEvent(t, "VersionNotOverridable", "v2", n+1)
		s.ready(t, "v2", true)
		s.hasEvent(t, "VersionOverridable", "cart:v2", n+2)
	}
	r.stop()
}

// hasEvent waits until there are that many Events of a reason on the Service that mention
// a text.
func (s *shop) hasEvent(t *testing.T, reason, text string, times int) {
	t.Helper()
	eventually(t, "Event "+reason, func(ctx context.Context) string {
		list, err := s.kube.EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		n, all := 0, ""
		for _, e := range list.Items {
			all += fmt.Sprintf("\n%s %s: %s", e.Regarding.Kind, e.Reason, e.Note)
			if e.Regarding.Kind == "Service" && e.Regarding.Name == "cart" && e.Reason == reason && strings.Contains(e.Note, text) {
				n++
				if e.Series != nil {
					n += int(e.Series.Count) - 1
				}
			}
		}
		if n == times {
			return ""
		}
		return fmt.Sprintf("%d, want %d; there are%s", n, times, all)
	})
}

// TestLabelledNamespaces: without names, the namespaces with the label are managed, as
// soon as they have it.
func TestLabelledNamespaces(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "labelled")
	o := options("")
	o.Namespaces = nil
	first := run(t, s.config, o)
	s.deploy(t, "v2")
	s.label(t, "true")
	s.converges(t, 2)
	s.label(t, "no")
	s.empty(t)
	s.label(t, "true")
	s.converges(t, 2)
	first.stop()
	s.deploy(t, "v3")
	run(t, s.config, o)
	s.hasSubset(t, "v3")
	s.label(t, "false")
	s.empty(t)
}

// empty waits until the operator has no objects.
func (s *shop) empty(t *testing.T) {
	t.Helper()
	eventually(t, "no object of the operator", func(ctx context.Context) string {
		got, err := s.present(ctx)
		if err != nil {
			return err.Error()
		}
		return strings.Join(got, "\n")
	})
}

// hasSubset waits until the operator's rule has a subset for a version.
func (s *shop) hasSubset(t *testing.T, version string) {
	t.Helper()
	eventually(t, "a subset for "+version, func(ctx context.Context) string {
		got, err := s.present(ctx)
		if err != nil {
			return err.Error()
		}
		if all := strings.Join(got, "\n"); !strings.Contains(all, "override-"+version) {
			return "there is " + all
		}
		return ""
	})
}
