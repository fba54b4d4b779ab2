package edge_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/plan"
)

const orderDelay = time.Second

var (
	orderFilter = diag.Object{Kind: "EnvoyFilter", Namespace: "ingress", Name: "public-edge-overrides"}
	orderGuards = []diag.Object{
		{Kind: "AuthorizationPolicy", Namespace: "ingress", Name: "public-authorize-overrides"},
		{Kind: "AuthorizationPolicy", Namespace: "ingress", Name: "public-require-overrides"},
	}
)

// gatewayWorld is a cluster with the objects of one gateway, each with the time of its last
// write.
type gatewayWorld struct {
	now     time.Time
	objects map[diag.Object]string
	written map[diag.Object]time.Time
}

// step takes the steps for what is wanted, or waits until the next is due. It reports whether
// there was anything to do.
func (w *gatewayWorld) step(t *rapid.T, wanted []encoded.Object) bool {
	in := edge.Writes{Wanted: wanted, Written: maps.Clone(w.written), Started: time.Unix(0, 0), Now: w.now, Delay: orderDelay}
	for o, content := range w.objects {
		in.Observed = append(in.Observed, plan.Observed{Object: o, Managed: []byte(content)})
	}
	steps, at := edge.Next(&in)
	for _, s := range steps {
		o := s.Object.Object
		w.check(t, s, wanted)
		if w.written[o] = w.now; s.Action == plan.Delete {
			delete(w.objects, o)
		} else {
			w.objects[o] = string(s.Object.JSON)
		}
	}
	if len(steps) == 0 && !at.IsZero() {
		if !at.After(w.now) {
			t.Fatalf("it waits for %v, and it is %v", at, w.now)
		}
		w.now = at
	}
	return len(steps) > 0 || !at.IsZero()
}

// check checks that a step leaves no time in which a filter makes headers without its guard.
func (w *gatewayWorld) check(t *rapid.T, s plan.Step, wanted []encoded.Object) {
	received := func(o diag.Object) bool { return w.now.Sub(w.written[o]) >= orderDelay }
	content := map[diag.Object]string{}
	for _, o := range wanted {
		content[o.Object] = string(o.JSON)
	}
	isFilter := s.Object.Kind == "EnvoyFilter"
	for _, g := range orderGuards {
		if isFilter && content[g] != "" && (w.objects[g] != content[g] || !received(g)) {
			t.Fatalf("%s, while proxies may not have %s", s, g)
		}
	}
	if !isFilter && s.Action == plan.Delete && (w.objects[orderFilter] != content[orderFilter] || !received(orderFilter)) {
		t.Fatalf("%s, while proxies may have the filter that it is for", s)
	}
}

// TestNext: whatever is wanted, one thing after the other, a filter is written when its guard
// is in force, a guard goes when its filter is gone, and in the end everything is as wanted and
// nothing is written again.
func TestNext(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &gatewayWorld{now: time.Unix(1000, 0), objects: map[diag.Object]string{}, written: map[diag.Object]time.Time{}}
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			var wanted []encoded.Object
			for _, o := range append(slices.Clone(orderGuards), orderFilter) {
				if content := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, o.Name); content != "" {
					wanted = append(wanted, encoded.Object{Object: o, JSON: []byte(content)})
				}
			}
			steps := rapid.IntRange(0, 20).Draw(t, "steps")
			for n := 0; n < steps && w.step(t, wanted); n++ {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "pause")) * time.Millisecond)
			}
			if steps < 20 {
				continue // the next change comes before the end
			}
			if w.step(t, wanted) {
				t.Fatal("it does not end")
			}
			want := map[diag.Object]string{}
			for _, o := range wanted {
				want[o.Object] = string(o.JSON)
			}
			if !maps.Equal(w.objects, want) {
				t.Fatalf("there is %v, want %v", w.objects, want)
			}
		}
	})
}

// TestNextReplacesFilter: a filter that another one replaces, under the name of another Gateway
// with the same pods, goes with its guard when proxies have the other one.
func TestNextReplacesFilter(t *testing.T) {
	t.Parallel()
	old := plan.Observed{Object: orderFilter, Managed: []byte("a")}
	guard := plan.Observed{Object: orderGuards[1], Managed: []byte("a")}
	next := encoded.Object{Object: diag.Object{Kind: "EnvoyFilter", Namespace: "ingress", Name: "second-edge-overrides"}, JSON: []byte("b")}
	begin := time.Unix(1000, 0)
	in := edge.Writes{Wanted: []encoded.Object{next}, Observed: []plan.Observed{old, guard}, Started: time.Unix(0, 0), Now: begin, Delay: orderDelay}
	if steps, _ := edge.Next(&in); len(steps) != 1 || steps[0].Object.Object != next.Object {
		t.Fatalf("first: %v", steps)
	}
	in.Observed = append(in.Observed, plan.Observed{Object: next.Object, Managed: next.JSON})
	in.Written = map[diag.Object]time.Time{next.Object: begin}
	if steps, at := edge.Next(&in); len(steps) != 0 || !at.Equal(begin.Add(orderDelay)) {
		t.Fatalf("while proxies may not have the other one: %v, again at %v", steps, at)
	}
	in.Now = begin.Add(orderDelay)
	if steps, _ := edge.Next(&in); len(steps) != 1 || steps[0].Object.Object != old.Object {
		t.Fatalf("then: %v", steps)
	}
}
