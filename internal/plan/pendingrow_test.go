package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

var cartV2 = route.Version{Namespace: "shop", Service: "cart", Version: "v2"}

// runUntilRouted runs the operator until a route to v2 is stored.
func runUntilRouted(t *testing.T, w *world) {
	t.Helper()
	for range 8 * ticks(bound) {
		w.run(t, tick)
		if _, routed := w.output.Routed[cartV2]; routed {
			return
		}
	}
	t.Fatal("there is no route to v2")
}

// pendingRows lists the rows to v2 that proxies may not have.
func (w *world) pendingRows() []plan.PendingRow {
	return slices.DeleteFunc(slices.Clone(w.output.PendingRows), func(r plan.PendingRow) bool { return r.Version != cartV2 })
}

// TestRoutePropagated: a route is propagated once all proxies have acknowledged it, or once
// the propagation delay is over. Until then its row is pending.
func TestRoutePropagated(t *testing.T) {
	t.Parallel()
	w := start()
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	w.workloads["cart-v2"].ready = 1
	runUntilRouted(t, w)
	since := w.output.Routed[cartV2].Since
	want := []plan.PendingRow{{
		Version: cartV2, Since: since, Object: overridesVirtualService, Name: "override.cart.v2",
		To: plan.Cluster{Host: "cart.shop.svc.cluster.local", Subset: "override-v2"}, Host: "cart.shop.svc.cluster.local", Ports: []uint32{80}, HostSince: epoch.Add(tick),
	}}
	if diff := cmp.Diff(want, w.pendingRows()); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	expect := func(what string, propagated bool) {
		t.Helper()
		w.run(t, tick)
		if got := w.output.Routed[cartV2]; got != (plan.Routed{Since: since, Propagated: propagated}) || (len(w.pendingRows()) == 0) != propagated {
			t.Errorf("%s: %+v, pending %v", what, got, w.pendingRows())
		}
	}
	w.routesAcked = map[route.Version]time.Time{cartV2: since.Add(-tick)}
	expect("acknowledged an earlier row", false)
	w.routesAcked[cartV2] = since
	expect("acknowledged", true)
	w.routesAcked, w.options.RoutePropagationDelay = nil, 3*bound
	expect("a proxy lacks it", false)
	w.run(t, bound)
	expect("a proxy lacks it after the delay", false)
	w.run(t, 2*bound)
	expect("after the longest delay", true)
}

// TestRecreatedRoute: while a proxy may still have an earlier row of that name, istiod
// can't tell the two apart, and the row is not listed as pending.
func TestRecreatedRoute(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*world)
		pending bool
	}{
		"crashed": {func(w *world) { w.workloads["cart-v2"].ready = 0; w.run(t, tick); w.workloads["cart-v2"].ready = 1 }, false},
		"long ago": {func(w *world) {
			delete(w.workloads, "cart-v2")
			w.run(t, 6*bound)
			w.deploy("cart-v2", "v2", true)
			w.workloads["cart-v2"].ready = 1
		}, true},
		"a restart":  {func(w *world) { w.memory = plan.Memory{} }, false},
		"no changes": {func(*world) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start()
			w.options.RoutePropagationDelay = 100 * bound
			w.run(t, 2*bound)
			w.deploy("cart-v2", "v2", true)
			w.workloads["cart-v2"].ready = 1
			runUntilRouted(t, w)
			test.change(w)
			w.run(t, tick)
			runUntilRouted(t, w)
			if got := len(w.pendingRows()) > 0; got != test.pending {
				t.Errorf("pending %v", w.pendingRows())
			}
		})
	}
}

// TestRenamedRow: while rows wait to be written with other names, because a user's
// VirtualService has come or gone, versions keep their stored routes. After the write, the
// row with the new name counts.
func TestRenamedRow(t *testing.T) {
	t.Parallel()
	w := start()
	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{
		Name: "users", Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}},
	}}}
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	w.workloads["cart-v2"].ready = 1
	runUntilRouted(t, w)
	w.run(t, 2*bound)
	since := w.output.Routed[cartV2].Since
	w.virtualService = nil
	for range 2 {
		w.now = w.now.Add(tick)
		if steps := w.plan(t).Steps; len(steps) != 1 {
			t.Fatalf("steps: %v", steps)
		}
		if got, want := w.output.Routed[cartV2], (plan.Routed{Since: since}); got != want {
			t.Errorf("before it is written: %+v, want %+v", got, want)
		}
	}
	w.run(t, 2*tick)
	if got := w.output.Routed[cartV2]; !got.Since.After(since) || got.Propagated {
		t.Errorf("when it is written: %+v", got)
	}
	w.run(t, 2*bound)
	if got := w.output.Routed[cartV2]; !got.Propagated {
		t.Errorf("later: %+v", got)
	}
	w.workloads["cart-v2"].ready = 0
	w.now = w.now.Add(tick)
	w.plan(t)
	if got, routed := w.output.Routed[cartV2]; routed {
		t.Errorf("not ready: %+v", got)
	}
}
