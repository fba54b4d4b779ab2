package plan_test

import (
	"maps"
	"slices"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// shown is who sees our routes; nil where there are none.
func (w *world) shown(t *testing.T) []string {
	t.Helper()
	v := w.routes(t)
	if v != nil && len(v.GetExportTo()) == 0 {
		return []string{"*"}
	}
	return v.GetExportTo()
}

// overrides lists where the override rows in place lead.
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

// TestCallersWhoSawNothing: where a rule of the callers' namespace hid our subsets, and is
// taken away, proxies there get our routes when they have had the time to notice.
func TestCallersWhoSawNothing(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.callers = &istioapi.DestinationRule{Host: host}
	compare(t, "hidden", w.run(t, tick), []string{"0 update VirtualService"})
	if got := w.shown(t); !slices.Equal(got, []string{namespace}) {
		t.Errorf("routes are shown to %q while a rule hides the subsets elsewhere", got)
	}
	w.run(t, 4*bound)
	w.callers = nil
	w.deploy("cart-v2", "v2", true)
	compare(t, "hidden no more", w.run(t, tick), []string{"0 update DestinationRule"})
	if got := w.held("VirtualService"); !slices.Equal(got, []plan.Reason{plan.SubsetNotPropagated}) {
		t.Errorf("held %v", got)
	}
	w.workloads["cart-v2"].ready = 1
	w.run(t, bound-2*tick)
	if got := w.shown(t); !slices.Equal(got, []string{namespace}) {
		t.Errorf("routes are shown to %q before proxies there have the subsets", got)
	}
	w.run(t, 3*tick)
	if got := w.shown(t); !slices.Equal(got, []string{"*"}) {
		t.Errorf("routes are shown to %q in the end", got)
	}
}

// TestHiddenWhileThePinWaits: who is not to see the routes any more doesn't, though the
// pin has to wait.
func TestHiddenWhileThePinWaits(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.deploy("cart-next", "v4", true)
	w.workloads["cart-next"].ready = 1
	w.settings.ReleasedVersions = []string{"v1", "v4"}
	w.callers = &istioapi.DestinationRule{Host: host}
	w.run(t, tick)
	if got := w.shown(t); !slices.Equal(got, []string{namespace}) || !slices.Equal(w.ordinary(t), []string{"overrides-released"}) {
		t.Errorf("routes to %q are shown to %q", w.ordinary(t), got)
	}
}

// TestLeftAloneAtOnce: what makes us leave a Service alone is in force, and may hide the
// pin: the routes go with it.
func TestLeftAloneAtOnce(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*world){
		"selected callers": func(w *world) {
			w.selected = &istioapi.DestinationRule{Host: service, WorkloadSelector: everyPod}
		},
		"opted out": func(w *world) { w.settings.Managed = new(bool) },
	} {
		w := pinned(t, true)
		leave(w)
		compare(t, name, w.run(t, tick), []string{"0 delete VirtualService"})
		w.selected, w.settings.Managed = nil, nil
		compare(t, name+", and back at once", w.run(t, bound), nil)
		compare(t, name+", later", w.run(t, 2*tick), []string{"0 create VirtualService"})
	}
}

// TestTwoSubsetsOfOneName: where a user has a subset with the name of one of ours, for
// other pods, an override goes without its row rather than to these.
func TestTwoSubsetsOfOneName(t *testing.T) {
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

// TestRowsStayAfterACrash: where the user's VirtualService goes, all callers are to see
// ours, and rows get other names. An operator that has just started, and does not know how
// old anything is, takes no row away.
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
	if got := w.shown(t); !slices.Equal(got, []string{"*"}) && len(got) > 0 {
		t.Errorf("in the end it is shown to %q", got)
	}
}

// TestPinStaysAfterACrash: the same where nothing is there of what is released, so that
// ordinary traffic is to stay where it is.
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
