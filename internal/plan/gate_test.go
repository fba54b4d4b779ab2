package plan_test

import (
	"bytes"
	"fmt"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// opened runs the operator, and returns after how many ticks no pod of a version had to
// wait any more; -1 for never.
func (w *world) opened(t *testing.T, version string) int {
	t.Helper()
	for n := range ticks(10 * bound) {
		w.step(t, false, false)
		if !w.mustWait(version) {
			return n
		}
	}
	return -1
}

// mustWait reports whether pods of a version must not be ready yet.
func (w *world) mustWait(version string) bool {
	for _, g := range w.output.Gated {
		if g.Labels["version"] == version {
			return true
		}
	}
	return false
}

func gated() *world {
	w := start()
	w.gate = true
	w.run(&testing.T{}, 4*bound)
	return w
}

// TestGatedPods: pods of a preview may be ready once the proxies have the pin and the
// subset. Each takes the propagation delay from when a plan first sees it.
func TestGatedPods(t *testing.T) {
	t.Parallel()
	w := gated()
	w.deploy("cart-v2", "v2", true)
	if got := w.opened(t, "v2"); got != 12 {
		t.Errorf("the first preview waits for %d ticks, want 12: for the subset of the pin, and for the pin", got)
	}
	w.deploy("cart-v3", "v3", true)
	if got := w.opened(t, "v3"); got != 6 {
		t.Errorf("another preview waits for %d ticks, want 6: for its subset", got)
	}
	w.memory = plan.Memory{}
	if got := w.opened(t, "v2"); got != 5 {
		t.Errorf("after a crash it takes %d ticks, want 5", got)
	}
	if w.mustWait("v1") {
		t.Error("released pods wait")
	}
}

// TestGatedPodsRequeue: a plan that gates pods says when to plan again, and no other plan
// does. Nothing is gated unless the input asks for it.
func TestGatedPodsRequeue(t *testing.T) {
	t.Parallel()
	w := gated()
	w.deploy("cart-v2", "v2", true)
	w.run(t, 4*bound)
	w.deploy("cart-v3", "v3", true)
	w.run(t, 3*tick)
	if e := w.output.Gated; len(e) != 1 || e[0].Service != service || e[0].Namespace != namespace || !e[0].Until.Equal(w.output.RequeueAt) {
		t.Errorf("gated %v, requeued at %v", e, w.output.RequeueAt)
	}
	w.run(t, 4*bound)
	if len(w.output.Gated) > 0 || !w.output.RequeueAt.IsZero() {
		t.Errorf("gated %v, requeued at %v", w.output.Gated, w.output.RequeueAt)
	}
	w.gate, w.memory = false, plan.Memory{}
	w.step(t, false, false)
	if len(w.output.Gated) > 0 {
		t.Errorf("gated %v though nobody asked", w.output.Gated)
	}
}

// TestGatedUntilWritten: pods wait as long as an object can't be written.
func TestGatedUntilWritten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(w *world)
		// unwritable is the kind that can't be written.
		unwritable string
	}{
		{"the pin", func(*world) {}, "VirtualService"},
		{"the subsets", func(*world) {}, "DestinationRule"},
		{"the pin, while all pods share ordinary traffic", func(w *world) {
			// v1 goes, so that v2 gets ordinary traffic too; then v1 comes back.
			w.deploy("cart-v2", "v2", true)
			w.workloads["cart-v2"].ready = 1
			w.workloads["cart-v1"].pods, w.workloads["cart-v1"].ready = 0, 0
			w.settings.ReleasedVersions = []string{"v1"}
			w.run(t, 6*bound)
			w.workloads["cart-v1"].pods, w.workloads["cart-v1"].ready = 2, 2
		}, "VirtualService"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := gated()
			test.prepare(w)
			w.deploy("cart-v3", "v3", true)
			for n := range ticks(10 * bound) {
				w.now = w.now.Add(tick)
				for _, step := range w.plan(t).Steps {
					if step.Object.Kind != test.unwritable {
						w.apply(step)
					}
				}
				if !w.mustWait("v3") {
					t.Fatalf("v3 may be ready after %d ticks: %s", n, w.objects())
				}
			}
			if got := w.opened(t, "v3"); got < 0 {
				t.Errorf("v3 never may be ready: %v", w.output.Gated)
			}
		})
	}
}

// TestGatedWithAnotherSubset: a subset with the right name and other labels does not count.
func TestGatedWithAnotherSubset(t *testing.T) {
	t.Parallel()
	w := gated()
	w.deploy("cart-v2", "v2", true)
	if w.opened(t, "v2") < 0 {
		t.Fatal("v2 never may be ready")
	}
	rule := w.stored[overridesDestinationRule]
	rule.JSON = bytes.ReplaceAll(rule.JSON, []byte(`"version":"v2"`), []byte(`"version":"x"`))
	w.stored[overridesDestinationRule] = rule
	for range ticks(2 * bound) {
		w.now = w.now.Add(tick)
		w.plan(t)
	}
	if !w.mustWait("v2") {
		t.Error("v2 may be ready without its subset")
	}
}

// TestGatedBesideUsersRoutes: traffic that a user's route sends to a preview is no reason
// to wait; other ordinary traffic is.
func TestGatedBesideUsersRoutes(t *testing.T) {
	t.Parallel()
	w := gated()
	w.destinationRule = &istioapi.DestinationRule{Host: service, Subsets: []*istioapi.Subset{{Name: "v2", Labels: map[string]string{"version": "v2"}}}}
	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{
		{
			Match: []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: "/beta"}}}},
			Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service, Subset: "v2"}}},
		},
		{Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}}},
	}}
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	if got := w.opened(t, "v2"); got != 12 {
		t.Errorf("v2 waits for %d ticks, want 12: for traffic that no route of the user's sends to it", got)
	}
}

// objects prints the stored objects.
func (w *world) objects() string {
	out := ""
	for name, o := range w.stored {
		out += fmt.Sprintf("%s\n%s\n", name, o.JSON)
	}
	return out
}
