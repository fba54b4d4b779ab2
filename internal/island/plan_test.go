package island_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// TestPlansAreTheWhole: at each moment, the plans of all islands have the steps that one
// plan of everything has, whatever has come, changed and gone before, and whichever
// islands have become one or fallen apart.
func TestPlansAreTheWhole(t *testing.T) {
	t.Parallel()
	steps := 0
	rapid.Check(t, func(t *rapid.T) {
		options, objects, other := clusters(t)
		w := &planned{
			world: newWorld(options), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), observed: map[diag.Object]plan.Observed{},
		}
		// An object of a user's may have the name of one that is written.
		w.replaced = func(name diag.Object) { delete(w.observed, name) }
		for _, name := range order(t, objects) {
			if rapid.IntRange(0, 4).Draw(t, "later") > 0 {
				w.put(name, objects[name])
			}
		}
		for range rapid.IntRange(2, 12).Draw(t, "plans") {
			steps += w.plan(t)
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 10, 400, 1000, 3000, 11000, 40000}).Draw(t, "ms")) * time.Millisecond)
			for range rapid.IntRange(0, 2).Draw(t, "changes") {
				w.change(t, objects, other)
			}
		}
	})
	if steps == 0 {
		t.Error("there was never anything to do")
	}
}

// planned is a world in which plans are made and followed.
type planned struct {
	*world
	now      time.Time
	observed map[diag.Object]plan.Observed

	whole    plan.Memory
	memories island.Memories[plan.Memory]
}

// plan plans for all at once, and for each island, fails where these differ, and takes some
// of the steps.
func (w *planned) plan(t *rapid.T) int {
	t.Helper()
	whole := &discover.Objects{Cluster: true}
	for _, object := range w.objects {
		whole.Put(object)
	}
	snapshot, _ := whole.Snapshot(w.options)
	result, _ := prove.Compile(snapshot)
	in := plan.Input{Snapshot: snapshot, Result: &result, Memory: w.whole, Now: w.now, Options: plan.DefaultOptions(), Backend: istio.Backend{}, Gate: true}
	for _, o := range w.observed {
		in.Observed = append(in.Observed, o)
	}
	slices.SortFunc(in.Observed, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	want, err := plan.Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	w.whole = want.Memory

	u := w.m.Update()
	w.memories.Follow(w.m, &u)
	got := []plan.Output{w.planOf(t, in, nil)}
	w.m.All(func(i *island.Island) {
		w.m.Compile(i)
		got = append(got, w.planOf(t, in, i))
		if rapid.Bool().Draw(t, "released") {
			i.Release()
		}
	})
	if d := gocmp.Diff(summary(want), summary(got...)); d != "" {
		t.Fatalf("at %v: -whole +islands:\n%s", w.now, d)
	}
	for _, step := range want.Steps {
		if rapid.IntRange(0, 5).Draw(t, "taken") > 0 {
			w.take(t, step)
		}
	}
	return len(want.Steps)
}

// planOf plans for an island; nil is for what is in none any more.
func (w *planned) planOf(t *rapid.T, in plan.Input, i *island.Island) plan.Output {
	t.Helper()
	in.Observed, in.Memory = nil, w.memories.Get(i)
	in.Snapshot, in.Result = nothing(w.options)
	if i != nil {
		in.Snapshot, in.Result = i.Snapshot, &i.Result
		i.Objects(func(_ diag.Object, object island.Object) {
			if o, is := object.Extra.(plan.Observed); is {
				in.Observed = append(in.Observed, o)
			}
		})
		slices.SortFunc(in.Observed, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	}
	out, err := plan.Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	w.memories.Set(i, out.Memory)
	return out
}

// take has a step be taken, as the API server and an informer would.
func (w *planned) take(t *rapid.T, step plan.Step) {
	t.Helper()
	name := step.Object.Object
	if step.Action == plan.Delete {
		delete(w.observed, name)
		delete(w.objects, name)
		w.m.Remove(name)
		return
	}
	o, err := apply.Observe(&step.Object)
	if err != nil {
		t.Fatal(err)
	}
	says := says(t, &step.Object, &o)
	w.observed[name] = o
	delete(w.objects, name)
	if says != nil {
		w.objects[name] = says
	}
	w.m.Put(name, island.Written(&o, says, o))
}

// says is what an object says of what was released.
func says(t *rapid.T, object *encoded.Object, o *plan.Observed) *discover.Written {
	t.Helper()
	var decoded struct {
		metav1.ObjectMeta `json:"metadata"`

		Spec struct {
			Host  string   `json:"host"`
			Hosts []string `json:"hosts"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(object.JSON, &decoded); err != nil {
		t.Fatal(err)
	}
	if o.Subsets != nil {
		return discover.WrittenOf(o.Kind, &decoded, decoded.Spec.Host)
	}
	return discover.WrittenOf(o.Kind, &decoded, decoded.Spec.Hosts...)
}

// nothing is a cluster in which there is nothing.
func nothing(options model.Options) (*model.Snapshot, *compile.Result) {
	return &model.Snapshot{Options: options}, &compile.Result{}
}

// summary is what plans say, in an order that doesn't depend on how they are made.
func summary(all ...plan.Output) []string {
	var out []string
	for i := range all {
		p := &all[i]
		for _, s := range p.Steps {
			out = append(out, fmt.Sprintf("%s %s", s, s.Object.JSON))
		}
		for _, b := range p.Blocked {
			out = append(out, fmt.Sprintf("blocked %+v", b))
		}
		for v, r := range p.Routed {
			out = append(out, fmt.Sprintf("routed %+v %+v", v, r))
		}
		for _, c := range p.PendingClusters {
			out = append(out, fmt.Sprintf("pending %+v", c))
		}
		for _, g := range p.Gated {
			out = append(out, fmt.Sprintf("gated %+v", g))
		}
		for _, d := range p.Diagnostics {
			out = append(out, fmt.Sprintf("%+v", d))
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
