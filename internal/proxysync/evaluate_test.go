package proxysync_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// evaluate plays one round: the istiods answer one after the other, and then they answer the
// questions, with events in between.
func (w *world) evaluate(in *proxysync.Input, between func(*proxysync.Output)) proxysync.Output {
	in.Now, in.PendingClusters = w.now, nil
	for c, at := range w.written {
		in.PendingClusters = append(in.PendingClusters, plan.PendingCluster{Cluster: c, Since: at, HostSince: epoch.Add(-time.Hour), FirstOfName: true, Blocking: true})
	}
	if w.broken {
		in.Memory, in.Names, w.broken = proxysync.Memory{}, nil, false
		w.subscribe()
	}
	in.PendingRows, in.Routes = w.routes.pending(), nil
	for _, x := range w.istiods {
		in.Routes = append(in.Routes, x.observer.pending...)
		x.observer.pending = nil
	}
	in.Answers, in.Pods = nil, nil
	for _, p := range w.proxies {
		in.Pods = append(in.Pods, p.id)
	}
	for _, x := range w.istiods {
		in.Answers = append(in.Answers, x.answer())
	}
	out := proxysync.Evaluate(*in)
	in.Memory, in.Names = out.Memory, nil
	between(&out)
	for _, q := range out.Ask {
		if w.broken {
			break
		}
		in.Names = append(in.Names, w.listOf(q)...)
	}
	return out
}

// TestNeverTooEarly: whatever is late, and in whatever order it arrives, no cluster is acked
// while a proxy lacks its endpoints; and in the end everything is acked.
func TestNeverTooEarly(t *testing.T) {
	t.Parallel()
	claims, routes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.IntRange(1, 2).Draw(t, "istiods"), rapid.IntRange(1, 5).Draw(t, "proxies"))
		w.flow()
		in := &proxysync.Input{}
		claimed, reached := map[plan.Cluster]bool{}, map[rowID]bool{}
		check := func(out *proxysync.Output) {
			for v := range out.RoutesAcked {
				if id := w.rowOf(v); !reached[id] {
					routes++
					reached[id] = true
					if proxy := w.lacksRow(id); proxy != "" {
						t.Fatalf("the route to %v is acked, but %s lacks it", v, proxy)
					}
				}
			}
			for c := range out.Acked {
				if !claimed[c] {
					claims++
					claimed[c] = true
					if id := w.lacks(c); id != "" {
						t.Fatalf("%v is acked, but %s lacks it", c, id)
					}
				}
			}
		}
		for range rapid.IntRange(20, 300).Draw(t, "steps") {
			w.later(40 * time.Millisecond)
			if rapid.Bool().Draw(t, "event") {
				w.event(t)
				continue
			}
			w.evaluate(in, func(out *proxysync.Output) {
				check(out)
				for range rapid.IntRange(0, 3).Draw(t, "meanwhile") {
					w.event(t)
				}
			})
		}
		// A subscription from before a row shows which push is the first with it.
		w.evaluate(in, func(*proxysync.Output) {})
		w.routes.put(3, w.now)
		w.flow()
		var last proxysync.Output
		for range 40 {
			w.later(30 * time.Millisecond)
			last = w.evaluate(in, func(*proxysync.Output) {})
		}
		for c := range w.written {
			if last.Acked[c].IsZero() && w.tells() {
				t.Fatalf("%v is not acked although all proxies have it: %v", c, last.Proxies)
			}
		}
		if v := version(rowID{version: 3}); last.RoutesAcked[v].IsZero() {
			t.Fatalf("the route to %v is not acked although all proxies have it: %v", v, last.Proxies)
		}
	})
	t.Logf("%d clusters and %d routes were acked", claims, routes)
	if claims == 0 || routes == 0 {
		t.Error("nothing was acked before the end")
	}
}
