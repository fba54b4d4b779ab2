package plan_test

import (
	"maps"
	"slices"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// visibleIn lists the namespaces that see the stored routes; nil if there are none.
func (w *world) visibleIn(t *testing.T) []string {
	t.Helper()
	v := w.routes(t)
	if v != nil && len(v.GetExportTo()) == 0 {
		return []string{"*"}
	}
	return v.GetExportTo()
}

// overrides has the subsets that the stored override rows lead to.
func (w *world) overrides(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, h := range w.routes(t).GetHttp() {
		if len(h.GetRoute()) == 1 {
			out[h.GetName()] = h.GetRoute()[0].GetDestination().GetSubset()
		}
	}
	return out
}

// TestHiddenSubsetsAppear: after a rule in the callers' namespace that hid the subsets is
// deleted, proxies there get the routes once the propagation delay is over.
func TestHiddenSubsetsAppear(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.callers = &istioapi.DestinationRule{Host: host}
	compare(t, "hidden", w.run(t, tick), []string{"0 update VirtualService"})
	if got := w.visibleIn(t); !slices.Equal(got, []string{namespace}) {
		t.Errorf("namespaces %q see the routes while a rule hides the subsets elsewhere", got)
	}
	w.run(t, 4*bound)
	w.callers = nil
	w.deploy("cart-v2", "v2", true)
	compare(t, "hidden no more", w.run(t, tick), []string{"0 update DestinationRule", "0 update VirtualService"})
	if got := w.blockedReasons("VirtualService"); !slices.Equal(got, []plan.Reason{plan.SubsetNotPropagated}) {
		t.Errorf("held %v", got)
	}
	w.workloads["cart-v2"].ready = 1
	w.run(t, bound-2*tick)
	if got := w.visibleIn(t); !slices.Equal(got, []string{namespace}) {
		t.Errorf("namespaces %q see the routes before proxies there have the subsets", got)
	}
	w.run(t, 3*tick)
	if got := w.visibleIn(t); !slices.Equal(got, []string{"*"}) {
		t.Errorf("namespaces %q see the routes in the end", got)
	}
}

// TestHiddenWhileThePinWaits: a namespace that must no longer see the routes loses them,
// although the pin has to wait.
func TestHiddenWhileThePinWaits(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.deploy("cart-next", "v4", true)
	w.workloads["cart-next"].ready = 1
	w.settings.ReleasedVersions = []string{"v1", "v4"}
	w.callers = &istioapi.DestinationRule{Host: host}
	w.run(t, tick)
	if got := w.visibleIn(t); !slices.Equal(got, []string{namespace}) || !slices.Equal(w.ordinary(t), []string{"overrides-released"}) {
		t.Errorf("routes to %q are visible in %q", w.ordinary(t), got)
	}
}

// TestSkippedAtOnce: the change for which a Service is skipped is in force, and may hide
// the pin. So the routes go at once.
func TestSkippedAtOnce(t *testing.T) {
	t.Parallel()
	for name, skip := range map[string]func(*world){
		"selected callers": func(w *world) {
			w.selected = &istioapi.DestinationRule{Host: service, WorkloadSelector: everyPod}
		},
		"opted out": func(w *world) { w.settings.Managed = new(bool) },
	} {
		w := pinned(t, true)
		skip(w)
		compare(t, name, w.run(t, tick), []string{"0 delete VirtualService"})
		w.selected, w.settings.Managed = nil, nil
		compare(t, name+", and back at once", w.run(t, bound), nil)
		compare(t, name+", later", w.run(t, 2*tick), []string{"0 create VirtualService"})
	}
}

// TestConflictingSubsets: if a user defines a subset with the name of a generated one, for other
// pods, the override row goes, so that no request reaches these pods.
func TestConflictingSubsets(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.destinationRule = &istioapi.DestinationRule{Host: service, Subsets: []*istioapi.Subset{{Name: "override-v3", Labels: map[string]string{"version": "v1"}}}}
	compare(t, "the same name", w.run(t, tick), []string{"0 update DestinationRule", "0 update VirtualService"})
	if to := w.overrides(t)["override.cart.v3"]; to != "" {
		t.Errorf("an override leads to %s", to)
	}
	w.run(t, 4*bound)
	if to := w.overrides(t)["override.cart.v3"]; to == "" || to == "override-v3" {
		t.Errorf("in the end an override leads to %q", to)
	}
}

// TestRowsStayAfterACrash: when the user's VirtualService goes, the table is meant for all
// namespaces, and its rows get other names. An operator that has just started, and does not
// know how old anything is, removes no row.
func TestRowsStayAfterACrash(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{
		Name: "users", Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}},
	}}}
	w.run(t, 8*bound)
	w.virtualService, w.memory = nil, plan.Memory{}
	for range ticks(4 * bound) {
		w.run(t, tick)
		if !slices.Contains(slices.Collect(maps.Values(w.overrides(t))), "override-v3") {
			t.Fatalf("after %v no row leads to v3: %v", w.now.Sub(epoch), w.overrides(t))
		}
	}
	if got := w.visibleIn(t); !slices.Equal(got, []string{"*"}) && len(got) > 0 {
		t.Errorf("in the end it is visible in %q", got)
	}
}

// TestPinStaysAfterACrash is the same with no released pod, so that ordinary traffic has
// to stay where it is.
func TestPinStaysAfterACrash(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	w.deploy("cart-v2", "v2", true)
	w.workloads["cart-v2"].preview = true
	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{
		Name: "users", Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}},
	}}}
	w.settings.ReleasedVersions = []string{"v9"}
	w.run(t, 8*bound)
	w.virtualService, w.memory = nil, plan.Memory{}
	for range ticks(4 * bound) {
		w.run(t, tick)
		if got := w.ordinary(t); !slices.Equal(got, []string{subsetV1}) {
			t.Fatalf("after %v ordinary traffic goes to %q", w.now.Sub(epoch), got)
		}
	}
}
