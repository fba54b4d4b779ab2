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

// subsets are those of our rule, with the version or the name that they ask for.
func (w *world) subsets(t *testing.T) map[string]string {
	t.Helper()
	var d istionetv1.DestinationRule
	if err := json.Unmarshal(w.ours[ourDestinationRule].JSON, &d); err != nil {
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

// TestPinWaitsForPodsThatLeave: where a preview's workload is rolled to the version that
// is released now, its pin has the pods of before for as long as proxies know them; also
// where nothing serves meanwhile, and where they went while nobody looked.
func TestPinWaitsForPodsThatLeave(t *testing.T) {
	t.Parallel()
	for _, ownSelector := range []bool{false, true} {
		for _, dead := range []bool{false, true} {
			for _, crashed := range []bool{false, true} {
				t.Run(fmt.Sprintf("own selector %t, dead %t, crashed %t", ownSelector, dead, crashed), func(t *testing.T) {
					t.Parallel()
					w := pinned(t, ownSelector)
					w.told = !dead // or the wait for the subset would be as long
					x := w.named("cart-next", "v1.1", 1)
					w.run(t, 4*bound)
					if !w.roll(x, "v4") {
						t.Fatal("not rolled")
					}
					w.settings.ReleasedVersions = []string{"v4"}
					if dead {
						w.workloads["cart-v1"].ready = 0
						w.run(t, 3*tick) // it is to move, and has not
					} else {
						w.run(t, 4*bound)
					}
					x.ready, x.former = 1, nil
					if crashed {
						w.memory = plan.Memory{}
					}
					w.run(t, bound-tick)
					if to, of := w.ordinary(t), w.subsets(t); slices.Contains(to, bySelector) && of[bySelector] != "v1" {
						t.Errorf("ordinary traffic goes to %q of %v while pods leave", to, of)
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

// TestNoHasteToAWiderName: where nothing serves any more, a pin is named before proxies have
// it; not one that they know as another, with pods which ordinary traffic must not have.
func TestNoHasteToAWiderName(t *testing.T) {
	t.Parallel()
	for _, wide := range []bool{true, false} {
		w := newWorld(0)
		w.deploy("cart-v1", "v1", true)
		w.workloads["cart-v1"].ready = 1
		w.run(t, 4*bound)
		w.deploy("cart-next", "v1.1", false) // its selector is that of the Service
		w.run(t, 4*bound)
		delete(w.workloads, "cart-v1")
		w.run(t, 8*bound)
		if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
			t.Fatalf("where v1.1 stands in, ordinary traffic goes to %q", to)
		}
		w.deploy("cart-v2", "v2", true)
		x := w.workloads["cart-v2"]
		if x.preview = true; !wide {
			x.pods = 0 // there is nobody to be reached
		}
		w.run(t, 2*tick)
		if to := w.ordinary(t); slices.Equal(to, []string{bySelector}) {
			t.Fatalf("where others are behind it, ordinary traffic goes to %q", to)
		}
		w.deploy("cart-v1", "v1", true)
		w.workloads["cart-v1"].ready = 1
		w.run(t, bound)
		if to := w.ordinary(t); slices.Equal(to, []string{bySelector}) == wide {
			t.Errorf("others in what it was: %t; ordinary traffic goes to %q before proxies have it", wide, to)
		}
		w.run(t, 4*bound)
		if to := w.ordinary(t); !slices.Equal(to, []string{bySelector}) {
			t.Errorf("others in what it was: %t; ordinary traffic goes to %q in the end", wide, to)
		}
	}
}

// TestFormerPodsAreNotRemembered: a workload is remembered with the version that it was
// released for; after a crash pods of its other templates have no ordinary traffic.
func TestFormerPodsAreNotRemembered(t *testing.T) {
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

// TestPinWaitsForItsOwnPodsOnly: pods that leave elsewhere hold up nothing.
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

// TestPinOfAWorkloadMadeAnew: while what is released can't serve, a workload that may have
// ordinary traffic may have it again when it was made anew, with other labels, or migrated
// to another kind.
func TestPinOfAWorkloadMadeAnew(t *testing.T) {
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

// TestPinStaysWithWhatStandsIn: pods of the released workload that serve since its version
// is missing go on when that comes back, and is not ready.
func TestPinStaysWithWhatStandsIn(t *testing.T) {
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

// TestPinThatChangesIsNotNamed: the subset of a pin by selector keeps its name when it gets
// other pods, and is named again when proxies have these.
func TestPinThatChangesIsNotNamed(t *testing.T) {
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

// TestSubsetThatAUserHasToo: of two subsets of one name and other pods none is named; of two
// that are the same, ours goes.
func TestSubsetThatAUserHasToo(t *testing.T) {
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
				t.Fatalf("%s leads to %s, of which there are two", row, to)
			}
		}
	}
	w.destinationRule = nil
	w.run(t, 6*bound)
	users("v3")
	w.run(t, 6*bound)
	if of := w.subsets(t); of["override-v3"] != "" {
		t.Errorf("ours stays beside the user's: %v", of)
	}
}

// TestOursGivesWayToTheUsers: where all that is needed is the user's, and one of the names
// is that of a subset of ours with other pods, ours goes before the rest of its rule may.
func TestOursGivesWayToTheUsers(t *testing.T) {
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
	if ours, there := w.ours[ourDestinationRule]; there {
		t.Errorf("ours is there still: %s", ours.JSON)
	}
}

// TestPinGoesBackAtOnce: where what is released now is lost as soon as the pin has moved to
// it, ordinary traffic may have again what it had.
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

// TestPinThatAUserHasTooAfterACrash: an operator that has just started takes the pods of a
// pin from its own subset, where a user has another one of that name by then. The new version
// is not ready: ordinary traffic stays with the former pods.
func TestPinThatAUserHasTooAfterACrash(t *testing.T) {
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
