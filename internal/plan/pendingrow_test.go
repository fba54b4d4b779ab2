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

// routedNow runs the operator until a route to v2 is in place, and one turn more.
func routedNow(t *testing.T, w *world) {
	t.Helper()
	for range 8 * ticks(bound) {
		w.run(t, tick)
		if _, routed := w.output.Routed[cartV2]; routed {
			return
		}
	}
	t.Fatal("there is no route to v2")
}

// awaited lists the rows to v2 that proxies may not have.
func (w *world) awaited() []plan.PendingRow {
	return slices.DeleteFunc(slices.Clone(w.output.PendingRows), func(r plan.PendingRow) bool { return r.Version != cartV2 })
}

// TestRouteSettled: a route is said to be everywhere when that is known, or when proxies
// have had the time to have it; and who can ask is told what to ask about until then.
func TestRouteSettled(t *testing.T) {
	t.Parallel()
	w := start()
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	w.workloads["cart-v2"].ready = 1
	routedNow(t, w)
	since := w.output.Routed[cartV2].Since
	want := []plan.PendingRow{{
		Version: cartV2, Since: since, Object: ourVirtualService, Name: "override.cart.v2",
		To: plan.Cluster{Host: "cart.shop.svc.cluster.local", Subset: "override-v2"}, Host: "cart.shop.svc.cluster.local", Ports: []uint32{80}, HostSince: epoch.Add(tick),
	}}
	if diff := cmp.Diff(want, w.awaited()); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}
	expect := func(what string, settled bool) {
		t.Helper()
		w.run(t, tick)
		if got := w.output.Routed[cartV2]; got != (plan.Routed{Since: since, Propagated: settled}) || (len(w.awaited()) == 0) != settled {
			t.Errorf("%s: %+v, awaited %v", what, got, w.awaited())
		}
	}
	w.routesSettled = map[route.Version]time.Time{cartV2: since.Add(-tick)}
	expect("known of another row", false)
	w.routesSettled[cartV2] = since
	expect("known", true)
	w.routesSettled, w.options.RoutePropagationDelay = nil, 3*bound
	expect("a proxy lacks it", false)
	w.run(t, bound)
	expect("a proxy lacks it after the wait", false)
	w.run(t, 2*bound)
	expect("after the longest wait", true)
}

// TestRouteAgain: where a proxy may have the row that was there before, nobody can tell
// the two apart, and nobody is asked.
func TestRouteAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*world)
		asked  bool
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
			routedNow(t, w)
			test.change(w)
			w.run(t, tick)
			routedNow(t, w)
			if got := len(w.awaited()) > 0; got != test.asked {
				t.Errorf("awaited %v", w.awaited())
			}
		})
	}
}

// TestRouteOfAnotherName: while rows wait to be written under other names, since a user's
// VirtualService has come or gone, versions have their routes: those in place. It is a row of
// the new name that is waited for then.
func TestRouteOfAnotherName(t *testing.T) {
	t.Parallel()
	w := start()
	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{
		Name: "users", Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}},
	}}}
	w.run(t, 2*bound)
	w.deploy("cart-v2", "v2", true)
	w.workloads["cart-v2"].ready = 1
	routedNow(t, w)
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
