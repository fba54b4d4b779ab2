package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// start is a world with a released v1 of two pods, and no proxies.
func start() *world {
	w := newWorld(0)
	w.deploy("cart-v1", "v1", true)
	w.workloads["cart-v1"].pods, w.workloads["cart-v1"].ready = 2, 2
	return w
}

// run runs the operator for a time, and returns its steps with their ticks.
func (w *world) run(t *testing.T, d time.Duration) []string {
	t.Helper()
	var out []string
	for n := range ticks(d) {
		w.step(t, false, false)
		for _, s := range w.output.Steps {
			out = append(out, fmt.Sprintf("%d %s %s", n, s.Action, s.Object.Kind))
		}
	}
	return out
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestOneWriteForEachObject: a change costs one write for each object that has to differ.
func TestOneWriteForEachObject(t *testing.T) {
	t.Parallel()
	w := start()
	compare(t, "nothing to override", w.run(t, 10*bound), nil)
	w.deploy("cart-v2", "v2", true)
	compare(t, "first preview", w.run(t, 4*bound), []string{"0 create DestinationRule", "6 create VirtualService"})
	w.workloads["cart-v2"].ready = 1
	compare(t, "ready", w.run(t, 4*bound), []string{"0 update VirtualService"})
	w.workloads["cart-v2"].pods = 3
	w.workloads["cart-v2"].ready = 3
	compare(t, "more replicas", w.run(t, bound), nil)
	w.deploy("cart-v3", "v3", true)
	// A strict set is due for it before it is ready.
	compare(t, "second preview", w.run(t, 4*bound), []string{"0 update DestinationRule", "0 update VirtualService"})
	w.workloads["cart-v3"].ready = 1
	compare(t, "ready too", w.run(t, bound), []string{"0 update VirtualService"})
	delete(w.workloads, "cart-v2")
	compare(t, "one goes", w.run(t, 4*bound), []string{"0 update VirtualService", "6 update DestinationRule"})
	delete(w.workloads, "cart-v3")
	compare(t, "the last one goes", w.run(t, 6*bound), []string{
		"0 update VirtualService", "5 delete VirtualService", "11 delete DestinationRule",
	})
}

// TestFlapping: a version without ready pods loses its route at once. It gets the route
// back at once the first time, and then must be ready for longer each time.
func TestFlapping(t *testing.T) {
	t.Parallel()
	w := start()
	w.deploy("cart-v2", "v2", true)
	w.run(t, 4*bound)
	x := w.workloads["cart-v2"]
	x.ready = 1
	w.run(t, bound)
	var got []string
	for range 5 {
		x.ready = 0
		lost := w.run(t, tick)
		x.ready = 1
		back := w.run(t, 6*bound)
		got = append(got, strings.Join(slices.Concat(lost, back), ", "))
	}
	compare(t, "steps", got, []string{
		"0 update VirtualService, 0 update VirtualService",
		"0 update VirtualService, 5 update VirtualService",
		"0 update VirtualService, 10 update VirtualService",
		"0 update VirtualService, 20 update VirtualService",
		"0 update VirtualService, 20 update VirtualService",
	})
	w.run(t, 12*bound)
	x.ready = 0
	w.run(t, tick)
	x.ready = 1
	compare(t, "after the reset", w.run(t, bound), []string{"0 update VirtualService"})
	for range 20 {
		x.ready = 0
		w.run(t, tick)
		x.ready = 1
		w.run(t, 4*tick)
	}
	x.ready = 0
	w.run(t, tick)
	x.ready = 1
	compare(t, "faster than the backoff", w.run(t, 4*tick), nil)
}

// TestEditsAreNoFlapping: only lost readiness makes a version wait. A user's change takes
// effect at once, however often it is made.
func TestEditsAreNoFlapping(t *testing.T) {
	t.Parallel()
	no := false
	for name, edit := range map[string]struct{ undo, again func(*world) }{
		"a recreated workload": {
			func(w *world) { delete(w.workloads, "cart-v2") },
			func(w *world) { w.deploy("cart-v2", "v2", true); w.workloads["cart-v2"].ready = 1 },
		},
		"not managed for a while": {
			func(w *world) { w.settings.Managed = &no },
			func(w *world) { w.settings.Managed = nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start()
			w.deploy("cart-v2", "v2", true)
			w.workloads["cart-v2"].ready = 1
			w.run(t, 4*bound)
			for range 5 {
				edit.undo(w)
				w.run(t, 6*bound)
				edit.again(w)
				w.run(t, 2*bound)
				for _, h := range w.output.Blocked {
					if h.Reason == plan.Flapping {
						t.Fatalf("blocked: %+v", h)
					}
				}
				if len(w.output.Routed) == 0 {
					t.Fatal("there is no route")
				}
			}
		})
	}
}

// TestAcked: a change does not wait longer than all proxies take to acknowledge.
func TestAcked(t *testing.T) {
	t.Parallel()
	w := start()
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	compare(t, "subset", w.run(t, 2*tick), []string{"0 create DestinationRule"})
	pending := w.output.PendingClusters
	w.acked = map[plan.Cluster]time.Time{}
	for _, c := range pending {
		w.acked[c.Cluster] = c.Since.Add(-tick)
	}
	compare(t, "an earlier definition acknowledged", w.run(t, tick), nil)
	blocking := 0
	for _, c := range pending {
		w.acked[c.Cluster] = c.Since
		if c.Blocking {
			blocking++
		}
		if !c.FirstOfName {
			t.Errorf("%v is not the first of its name", c)
		}
	}
	if blocking != 1 {
		t.Errorf("%d clusters block, want that of the pin", blocking)
	}
	compare(t, "acknowledged", w.run(t, tick), []string{"0 create VirtualService"})
}

// TestBlocked: a plan lists the changes that have to wait, and until when.
func TestBlocked(t *testing.T) {
	t.Parallel()
	w := start()
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	w.run(t, 2*tick)
	want := []plan.Blocked{{Object: overridesVirtualService, Reason: plan.SubsetNotPropagated, Until: w.now.Add(bound)}}
	if diff := cmp.Diff(want, w.output.Blocked); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
	if !w.output.RequeueAt.Equal(w.now.Add(bound)) {
		t.Errorf("requeued at %v, want %v", w.output.RequeueAt, w.now.Add(bound))
	}
}

// TestPinMovesWhileItWaits changes the desired pin faster than proxies receive pins. It
// expects ordinary traffic at a pin that proxies have, and never at all pods, while the
// changes go on.
func TestPinMovesWhileItWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	w.deploy("cart-v1", "v1", true)
	w.deploy("cart-next", "v1.1", true)
	w.workloads["cart-v1"].ready, w.workloads["cart-next"].ready = 1, 1
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	if got := w.ordinary(t); !slices.Equal(got, []string{""}) {
		t.Fatalf("without a released pod ordinary traffic goes to %q, want the whole Service", got)
	}
	w.settings.ReleasedVersions = []string{"v1", "v2"}
	w.run(t, bound)
	for i, change := range []func(){
		func() { w.deploy("cart-v2", "v2", true) },
		func() { w.workloads["cart-v1"].pods, w.workloads["cart-v1"].ready = 0, 0 },
		func() { delete(w.workloads, "cart-v1") },
	} {
		change()
		for range ticks(bound) - 1 {
			w.step(t, false, false)
			if got := w.ordinary(t); slices.Contains(got, "") || slices.Contains(got, "override--v1-1-eb79768c42") {
				t.Fatalf("%v after change %d ordinary traffic goes to %q", w.now.Sub(epoch), i, got)
			}
		}
	}
	w.run(t, 4*bound)
	if got := w.ordinary(t); !slices.Equal(got, []string{"overrides-released"}) || len(w.output.Blocked) > 0 {
		t.Errorf("in the end ordinary traffic goes to %q, blocked %v", got, w.output.Blocked)
	}
}

// routes returns the stored VirtualService, nil if there is none.
func (w *world) routes(t *testing.T) *istioapi.VirtualService {
	t.Helper()
	object, there := w.stored[overridesVirtualService]
	if !there {
		return nil
	}
	var v istionetv1.VirtualService
	if err := json.Unmarshal(object.JSON, &v); err != nil {
		t.Fatal(err)
	}
	return &v.Spec
}

// ordinary lists the subsets that the stored object sends ordinary traffic to.
func (w *world) ordinary(t *testing.T) []string {
	t.Helper()
	rows := w.routes(t).GetHttp()
	if len(rows) == 0 {
		return nil
	}
	var out []string
	for _, d := range rows[0].GetRoute() {
		out = append(out, d.GetDestination().GetSubset())
	}
	return out
}
