package plan_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// expectOrdinary checks where the stored object sends ordinary traffic, and the diagnostic
// about that.
func (w *world) expectOrdinary(t *testing.T, when string, want []string, code diag.Code, message string) {
	t.Helper()
	if got := w.ordinary(t); !slices.Equal(got, want) {
		t.Errorf("%s ordinary traffic goes to %q, want %q", when, got, want)
	}
	var got diag.Diagnostic
	if len(w.output.Diagnostics) > 0 {
		got = w.output.Diagnostics[0]
	}
	if len(w.output.Diagnostics) > 1 || got.Code != code || got.Message != message {
		t.Errorf("%s the diagnostics are %v, want %s: %s", when, w.output.Diagnostics, code, message)
	}
}

// blockedReasons lists why changes of objects of a kind are blocked.
func (w *world) blockedReasons(kind string) []plan.Reason {
	var out []plan.Reason
	for _, h := range w.output.Blocked {
		if h.Kind == kind {
			out = append(out, h.Reason)
		}
	}
	return out
}

// pinned is a world whose ordinary traffic is pinned to v1, with a preview v3. With
// ownSelector, the selector of v1's workload selects no other pods.
func pinned(t *testing.T, ownSelector bool) *world {
	t.Helper()
	w := newWorld(0)
	w.deploy("cart-v1", "v1", ownSelector)
	w.workloads["cart-v1"].ready = 1
	w.settings.ReleasedVersions = []string{"v1"}
	w.deploy("cart-v3", "v3", true)
	w.run(t, 4*bound)
	w.workloads["cart-v3"].ready = 1
	w.run(t, 4*bound)
	return w
}

const (
	subsetV1, subsetV2 = "override-v1", "override-v2"
	stayWithV1         = "no released pod is ready (named: v2): ordinary traffic stays with Deployment/cart-v1 (version v1) until one is"
)

// TestPinWaitsForReadyPods: ordinary traffic moves to another version once a pod of that
// version is ready. Other changes do not wait.
func TestPinWaitsForReadyPods(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	w.deploy("cart-v2", "v2", false)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	w.expectOrdinary(t, "before v2 is ready", []string{subsetV1}, diag.ReleasedNotReady, stayWithV1)
	if got := w.blockedReasons("VirtualService"); !slices.Equal(got, []plan.Reason{plan.ReleasedNotReady}) {
		t.Errorf("blocked %v", got)
	}
	w.memory = plan.Memory{}
	w.run(t, 4*bound)
	w.expectOrdinary(t, "after a crash", []string{subsetV1}, diag.ReleasedNotReady, stayWithV1)

	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{
		Route:   []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}},
		Timeout: durationpb.New(time.Second),
	}}}
	compare(t, "a user's edit", w.run(t, tick), []string{"0 update VirtualService"})
	w.workloads["cart-v3"].ready = 0
	compare(t, "a preview that can't serve", w.run(t, tick), []string{"0 update VirtualService"})
	w.expectOrdinary(t, "then", []string{subsetV1}, diag.ReleasedNotReady, stayWithV1)

	w.workloads["cart-v2"].ready = 1
	compare(t, "ready", w.run(t, tick), []string{"0 update VirtualService"})
	w.run(t, tick)
	w.expectOrdinary(t, "with v2 ready", []string{subsetV2}, "", "")
	w.workloads["cart-v2"].ready = 0
	w.run(t, bound)
	w.expectOrdinary(t, "after v2 has crashed", []string{subsetV2}, "", "")
}

// TestPinDoesNotWaitForUnreadyPods: ordinary traffic moves at once if no pinned pod is ready.
func TestPinDoesNotWaitForUnreadyPods(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	w.deploy("cart-v2", "v2", false)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	w.workloads["cart-v1"].ready = 0
	w.run(t, tick)
	w.expectOrdinary(t, "with nothing ready", []string{subsetV2}, "", "")
	w.workloads["cart-v1"].ready = 1
	w.run(t, tick)
	w.expectOrdinary(t, "with v1 back", []string{subsetV1}, diag.ReleasedNotReady, stayWithV1)
}

// TestUnpinnedWaitsForReadyPods is the same for ordinary traffic that is not pinned. It is
// pinned to the formerly released pods as soon as it would reach others.
func TestUnpinnedWaitsForReadyPods(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	w.deploy("cart", "v1", false)
	w.workloads["cart"].ready = 1
	w.settings.ReleasedVersions = []string{"v1"}
	w.run(t, 4*bound)
	w.roll(w.workloads["cart"], "v2")
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	const stay = "no released pod is ready (named: v2): ordinary traffic stays with Deployment/cart (version v1) until one is"
	w.expectOrdinary(t, "while it rolls", []string{""}, diag.ReleasedNotReady, stay)
	w.deploy("cart-v3", "v3", true)
	w.run(t, 4*bound)
	w.expectOrdinary(t, "beside a preview", []string{subsetV1}, diag.ReleasedNotReady, stay)
}

// TestPinBySelectorWaits: a pin by selector keeps its name when it moves. It keeps its
// labels until pods with the new labels are ready.
func TestPinBySelectorWaits(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.deploy("cart-v2", "v2", true)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	w.expectOrdinary(t, "before v2 is ready", []string{"overrides-released"}, diag.ReleasedNotReady, stayWithV1)
	version := func() string {
		for _, s := range w.observedRule(t).Subsets {
			if s.Name == "overrides-released" {
				return s.Labels["version"]
			}
		}
		return ""
	}
	if got, held := version(), w.blockedReasons("DestinationRule"); got != "v1" || !slices.Equal(held, []plan.Reason{plan.ReleasedNotReady}) {
		t.Errorf("it selects the pods of %q, blocked %v", got, held)
	}
	w.workloads["cart-v2"].ready = 1
	w.run(t, tick)
	if got := version(); got != "v2" || len(w.output.Diagnostics) > 0 {
		t.Errorf("with v2 ready it selects the pods of %q, diagnostics %v", got, w.output.Diagnostics)
	}
}

// TestReleasedNotFound: ordinary traffic stays pinned to ready pods although no pod has the
// version that is named as released.
func TestReleasedNotFound(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		w := pinned(t, own)
		want := w.ordinary(t)
		w.settings.ReleasedVersions = []string{"v9"}
		w.run(t, 6*bound)
		const stay = "no pods are released (named: v9): ordinary traffic stays pinned to Deployment/cart-v1 (version v1)"
		w.expectOrdinary(t, "with a version that does not exist", want, diag.ReleasedNotFound, stay)
		if got := w.blockedReasons("VirtualService"); !slices.Equal(got, []plan.Reason{plan.ReleasedNotFound}) {
			t.Errorf("blocked %v", got)
		}
		w.memory = plan.Memory{}
		w.run(t, 4*bound)
		w.expectOrdinary(t, "after a crash", want, diag.ReleasedNotFound, stay)
		delete(w.workloads, "cart-v1")
		w.run(t, tick)
		w.expectOrdinary(t, "when its pods are gone", []string{""}, "", "")
	}
}

// TestReleasedNotFoundUnpinned: a preview that appears while no released pod exists gets
// no ordinary traffic that other pods serve.
func TestReleasedNotFoundUnpinned(t *testing.T) {
	t.Parallel()
	w := start()
	w.run(t, 2*bound)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	w.expectOrdinary(t, "alone", []string{""}, "", "")
	w.deploy("cart-v3", "v3", true)
	w.run(t, 4*bound)
	w.expectOrdinary(t, "beside a preview", []string{subsetV1}, diag.ReleasedNotFound, "no pods are released (named: v2): ordinary traffic stays pinned to Deployment/cart-v1 (version v1)")
}

// TestLabelBeforeAnnotation: the released workload gets another version label, and a user
// names that version as released some time later.
func TestLabelBeforeAnnotation(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	x := w.workloads["cart-v1"]
	w.roll(x, "v2")
	w.run(t, 4*bound)
	w.expectOrdinary(t, "while it rolls", []string{subsetV1}, "", "")
	x.ready, x.former = 1, nil
	w.run(t, 4*bound)
	w.expectOrdinary(t, "rolled", []string{subsetV2}, diag.ReleasedNotFound, "no pods are released (named: v1): ordinary traffic stays pinned to Deployment/cart-v1 (version v2)")
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	w.expectOrdinary(t, "named", []string{subsetV2}, "", "")
}

// observedRule has the subsets of the stored DestinationRule.
func (w *world) observedRule(t *testing.T) *route.PlacedSubsets {
	t.Helper()
	for _, o := range w.observed(t) {
		if o.Object == overridesDestinationRule {
			return o.Subsets
		}
	}
	return nil
}
