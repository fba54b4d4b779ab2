package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// subsets has the stored subsets, with the version or the name that each selects.
func (w *world) subsets(t *testing.T) map[string]string {
	t.Helper()
	var d istionetv1.DestinationRule
	if err := json.Unmarshal(w.stored[overridesDestinationRule].JSON, &d); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range d.Spec.GetSubsets() {
		out[s.GetName()] = s.GetLabels()["name"] + s.GetLabels()["version"]
	}
	return out
}

// named deploys a workload whose selector has a name and no version.
func (w *world) named(name, version string, ready int) *workload {
	w.deploy(name, version, true)
	x := w.workloads[name]
	x.name, x.ready = name, ready
	return x
}

const (
	bySelector = "overrides-released"
	subsetV4   = "override-v4"
)

// TestPinWaitsForDrainingPods: a preview's workload is rolled to a version that is released
// then. A pin by its selector selects the former pods too while proxies know them, so it
// waits; also if nothing serves meanwhile, and if the pods went while no plan was made.
func TestPinWaitsForDrainingPods(t *testing.T) {
	t.Parallel()
	for _, ownSelector := range []bool{false, true} {
		for _, unready := range []bool{false, true} {
			for _, crashed := range []bool{false, true} {
				t.Run(fmt.Sprintf("own selector %t, unready %t, crashed %t", ownSelector, unready, crashed), func(t *testing.T) {
					t.Parallel()
					w := pinned(t, ownSelector)
					w.istiodTells = !unready // or the wait for the subset would be as long
					x := w.named("cart-next", "v1.1", 1)
					w.run(t, 4*bound)
					if !w.roll(x, "v4") {
						t.Fatal("not rolled")
					}
					w.settings.ReleasedVersions = []string{"v4"}
					if unready {
						w.workloads["cart-v1"].ready = 0
						w.run(t, 3*tick) // it should move, and has not
					} else {
						w.run(t, 4*bound)
					}
					x.ready, x.former = 1, nil
					if crashed {
						w.memory = plan.Memory{}
					}
					w.run(t, bound-tick)
					if to, of := w.ordinary(t), w.subsets(t); slices.Contains(to, bySelector) && of[bySelector] != "v1" {
						t.Errorf("ordinary traffic goes to %q of %v while pods drain", to, of)
					}
					w.run(t, 4*bound)
					if to, of := w.ordinary(t), w.subsets(t); !slices.Equal(to, []string{bySelector}) || of[bySelector] != "cart-next" {
						t.Errorf("ordinary traffic goes to %q of %v in the end", to, of)
					}
				})
			}
		}
	}
}

// TestFallbackWaitsIfTheNameLeaks: if nothing serves any more, routes reference a pin before
// proxies have it; unless they may know it with an earlier definition that selects pods which
// ordinary traffic must not reach.
func TestFallbackWaitsIfTheNameLeaks(t *testing.T) {
	t.Parallel()
	for _, leaks := range []bool{true, false} {
		w := newWorld(0)
		w.deploy("cart-v1", "v1", true)
		w.workloads["cart-v1"].ready = 1
		w.run(t, 4*bound)
		w.deploy("cart-next", "v1.1", false) // its selector is that of the Service
		w.run(t, 4*bound)
		delete(w.workloads, "cart-v1")
		w.run(t, 8*bound)
		if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
			t.Fatalf("while v1.1 stands in, ordinary traffic goes to %q", to)
		}
		w.deploy("cart-v2", "v2", true)
		x := w.workloads["cart-v2"]
		if x.preview = true; !leaks {
			x.pods = 0 // no pod to leak to
		}
		w.run(t, 2*tick)
		if to := w.ordinary(t); slices.Equal(to, []string{bySelector}) {
			t.Fatalf("while its subset selects other pods, ordinary traffic goes to %q", to)
		}
		w.deploy("cart-v1", "v1", true)
		w.workloads["cart-v1"].ready = 1
		w.run(t, bound)
		if to := w.ordinary(t); slices.Equal(to, []string{bySelector}) == leaks {
			t.Errorf("earlier definition leaks: %t; ordinary traffic goes to %q before proxies have the pin", leaks, to)
		}
		w.run(t, 4*bound)
		if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
			t.Errorf("earlier definition leaks: %t; ordinary traffic goes to %q in the end", leaks, to)
		}
	}
}

// TestFormerPodsAreNotEligible: memory has a workload with its released version. After a
// crash, pods of its former template get no ordinary traffic.
func TestFormerPodsAreNotEligible(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	x := w.named("cart-next", "v1.1", 1)
	w.run(t, 4*bound)
	w.roll(x, "v4")
	w.settings.ReleasedVersions = []string{"v4"}
	w.run(t, 4*bound)
	w.memory = plan.Memory{}
	w.run(t, 4*bound)
	w.workloads["cart-v1"].ready = 0
	w.run(t, 4*bound)
	if to := w.ordinary(t); slices.ContainsFunc(to, func(subset string) bool { return w.subsets(t)[subset] == "v1.1" }) {
		t.Errorf("ordinary traffic goes to %q of %v", to, w.subsets(t))
	}
}

// TestPinWaitsForItsOwnPodsOnly: draining pods of another workload block nothing.
func TestPinWaitsForItsOwnPodsOnly(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	x := w.named("cart-v2", "v2", 0)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	x.ready, w.workloads["cart-v3"].ready, w.workloads["cart-v1"].ready = 1, 0, 0
	w.run(t, tick)
	if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
		t.Errorf("ordinary traffic goes to %q", to)
	}
}

// TestPinOfARecreatedWorkload: while released pods can't serve, an eligible workload stays
// eligible when it is recreated with other labels, or as another kind.
func TestPinOfARecreatedWorkload(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Deployment", "Rollout"} {
		w := pinned(t, false)
		w.deploy("cart-v2", "v2", false)
		w.settings.ReleasedVersions = []string{"v2"}
		w.run(t, 4*bound)
		delete(w.workloads, "cart-v1")
		w.run(t, 2*bound)
		w.named("cart-v1", "v1", 1).kind = kind
		w.run(t, 4*bound)
		if to := w.ordinary(t); !slices.Equal(to, []string{subsetV1}) {
			t.Errorf("a %s: ordinary traffic goes to %q", kind, to)
		}
	}
}

// TestPinStaysWithStandIns: pods that stand in for a missing released version go on serving
// when that version comes back and is not ready.
func TestPinStaysWithStandIns(t *testing.T) {
	t.Parallel()
	w := pinned(t, false)
	x := w.workloads["cart-v1"]
	w.roll(x, "v4")
	w.run(t, 4*bound)
	x.ready, x.former = 1, nil
	w.run(t, 4*bound)
	if to := w.ordinary(t); !slices.Equal(to, []string{subsetV4}) {
		t.Fatalf("while v1 is missing, ordinary traffic goes to %q", to)
	}
	w.roll(x, "v1")
	w.run(t, 4*bound)
	if to := w.ordinary(t); !slices.Equal(to, []string{subsetV4}) {
		t.Errorf("when v1 is there and not ready, ordinary traffic goes to %q", to)
	}
}

// TestChangedPinIsNotReferenced: the subset of a pin by selector keeps its name when its
// labels change. Routes reference it again once proxies have the new labels.
func TestChangedPinIsNotReferenced(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.deploy("cart-v2", "v2", true)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 4*bound)
	w.workloads["cart-v1"].ready = 0
	w.run(t, 2*bound)
	if of := w.subsets(t); of[bySelector] != "v2" {
		t.Fatalf("with nothing ready the pin is of %v", of)
	}
	w.workloads["cart-v1"].ready = 1
	w.run(t, 2*bound)
	w.settings.ReleasedVersions = []string{"v1"}
	w.run(t, bound)
	if to, of := w.ordinary(t), w.subsets(t); !slices.Equal(to, []string{subsetV1}) || of[bySelector] != "v1" {
		t.Errorf("ordinary traffic goes to %q of %v before proxies have it", to, of)
	}
	w.run(t, 2*bound)
	if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
		t.Errorf("in the end ordinary traffic goes to %q", to)
	}
}

// TestSubsetThatAUserDefines: routes reference no subset with conflicting definitions. Of
// two equal definitions, the generated one goes.
func TestSubsetThatAUserDefines(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	users := func(version string) {
		w.destinationRule = &istioapi.DestinationRule{Host: service, Subsets: []*istioapi.Subset{{Name: "override-v3", Labels: map[string]string{"version": version}}}}
	}
	users("v1")
	for range ticks(4 * bound) {
		w.run(t, tick)
		for row, to := range w.overrides(t) {
			if to == "override-v3" && w.subsets(t)[to] != "" {
				t.Fatalf("%s leads to %s, which has two definitions", row, to)
			}
		}
	}
	w.destinationRule = nil
	w.run(t, 6*bound)
	users("v3")
	w.run(t, 6*bound)
	if of := w.subsets(t); of["override-v3"] != "" {
		t.Errorf("the generated subset stays beside the user's: %v", of)
	}
}

// TestConflictingSubsetYields: a user defines all needed subsets, one of them with the name of an
// generated subset that selects other pods. That subset goes before the rest of its rule.
func TestConflictingSubsetYields(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.deploy("cart-v1", "v1", false)
	w.workloads["cart-v1"].ready = 1
	w.run(t, 2*tick)
	w.destinationRule = &istioapi.DestinationRule{Host: service, Subsets: []*istioapi.Subset{
		{Name: bySelector, Labels: map[string]string{"version": "v1"}}, {Name: "three", Labels: map[string]string{"version": "v3"}},
	}}
	w.run(t, 12*bound)
	if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
		t.Errorf("ordinary traffic goes to %q", to)
	}
	if rule, there := w.stored[overridesDestinationRule]; there {
		t.Errorf("the generated rule still exists: %s", rule.JSON)
	}
}

// TestPinGoesBackAtOnce: if the newly released pods fail as soon as the pin has moved to
// them, ordinary traffic goes back to the former pods.
func TestPinGoesBackAtOnce(t *testing.T) {
	t.Parallel()
	w := pinned(t, true)
	w.deploy("cart-v2", "v2", true)
	w.run(t, 4*bound)
	w.workloads["cart-v2"].ready = 1
	w.run(t, 4*bound)
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, tick)
	if of := w.subsets(t); of[bySelector] != "v2" {
		t.Fatalf("the pin is of %v", of)
	}
	w.workloads["cart-v2"].ready = 0
	w.run(t, 4*bound)
	if to := w.ordinary(t); !slices.Equal(to, []string{subsetV1}) {
		t.Errorf("ordinary traffic goes to %q", to)
	}
}

// TestPinThatAUserDefinesAfterACrash: an operator that has just started reads the pods of a
// pin from the generated subset, although a user has since defined another one of that name. The
// new version is not ready, so ordinary traffic stays with the former pods.
func TestPinThatAUserDefinesAfterACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	w.deploy("cart-v1", "v1", true)
	w.workloads["cart-v1"].name, w.workloads["cart-v1"].ready = "cart-v1", 1
	w.run(t, 4*bound)
	w.deploy("cart-v3", "v3", true)
	w.run(t, 4*bound)
	if !w.roll(w.workloads["cart-v1"], "v2") {
		t.Fatal("its version can't change")
	}
	w.settings.ReleasedVersions = []string{"v2"}
	w.run(t, 2*bound)
	w.destinationRule = &istioapi.DestinationRule{Host: service, Subsets: []*istioapi.Subset{{Name: bySelector, Labels: map[string]string{"version": "v1"}}}}
	w.memory = plan.Memory{}
	for range ticks(6 * bound) {
		w.run(t, tick)
		if to := w.ordinary(t); slices.Contains(to, subsetV2) {
			t.Fatalf("after %v ordinary traffic goes to %q, which is not ready", w.now.Sub(epoch), to)
		}
	}
}
