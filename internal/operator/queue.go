package operator

import (
	"maps"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// limits bound the writes in flight.
type limits struct {
	// fast bounds the writes that began less than slowAfter ago. Older ones no longer count,
	// so that a few slow writes do not delay others.
	fast      int
	slowAfter time.Duration
	// all bounds all writes in flight, namespace those in one namespace.
	all, namespace int
}

func defaultLimits() limits {
	return limits{fast: 8, slowAfter: 250 * time.Millisecond, all: 64, namespace: 16}
}

// queue decides which write begins next. It has no lock and no clock; [writer] has
// both.
//
// Steps of one plan do not depend on each other, nor on those of other islands. A step of a
// later plan of an island may depend on the effect of a write that the later plan has not
// observed: a route must not name a subset that a write in flight removes. So a step waits
//
//	for a write of the same object                              of any plan
//	for a write of the other kind that names one of its hosts   of an earlier plan
//
// until that write is over and a plan has observed its effect. All other writes are
// independent of it.
type queue struct {
	limits

	// round counts the reconciliations. All plans of a round have observed the writes that
	// had ended before it.
	round int
	// steps are the steps of the latest plans that have not begun, in the order in which
	// they should begin.
	steps []queued
	// unobservedWrites are the writes that have begun, but whose effect is not observed. Of
	// these, inFlight are those that have not ended, and earlierWrites those that had not
	// ended when the round began.
	unobservedWrites, inFlight, earlierWrites map[diag.Object]*inFlightWrite
}

// queued is a step in the queue.
type queued struct {
	plan.Step
	change change
	// island is the island of the step, round the round of its plan, and seen the object at
	// that time.
	island *islandState
	round  int
	seen   *apply.Seen
}

// inFlightWrite is a write that has begun.
type inFlightWrite struct {
	object diag.Object
	hosts  []string
	began  time.Time
	round  int
}

func newQueue(l limits) *queue {
	return &queue{limits: l, unobservedWrites: map[diag.Object]*inFlightWrite{}, inFlight: map[diag.Object]*inFlightWrite{}, earlierWrites: map[diag.Object]*inFlightWrite{}}
}

// observe begins a round, before the effects of ended writes are read. It drops the steps
// that wait for a write, as their plan did not know its effect. Their islands are planned
// again when the write has ended.
func (q *queue) observe() {
	q.steps = slices.DeleteFunc(q.steps, func(s queued) bool { return q.blocked(&s) })
	q.unobservedWrites, q.earlierWrites = maps.Clone(q.inFlight), maps.Clone(q.inFlight)
	q.round++
}

// drop drops the steps of islands that have new plans or are gone.
func (q *queue) drop(of map[*islandState]bool) {
	q.steps = slices.DeleteFunc(q.steps, func(s queued) bool { return of[s.island] })
}

// install adds the steps of a new plan of an island.
func (q *queue) install(of *islandState, steps []queued) {
	for _, s := range steps {
		s.island, s.round = of, q.round
		q.steps = append(q.steps, s)
	}
}

// begin removes and returns the first step that may begin now. It reports false if there is
// none.
func (q *queue) begin(now time.Time) (queued, bool) {
	fast, all, namespaces := q.count(now)
	if fast >= q.fast || all >= q.all {
		return queued{}, false
	}
	for i := range q.steps {
		s := &q.steps[i]
		if namespaces[s.Object.Namespace] >= q.namespace || q.blocked(s) {
			continue
		}
		out := *s
		if i == 0 {
			q.steps = q.steps[1:]
		} else {
			q.steps = slices.Delete(q.steps, i, i+1)
		}
		f := &inFlightWrite{object: out.Object.Object, hosts: out.change.hosts(), began: now, round: out.round}
		q.unobservedWrites[f.object], q.inFlight[f.object] = f, f
		return out, true
	}
	return queued{}, false
}

// count counts the writes in flight.
func (q *queue) count(now time.Time) (fast, all int, namespaces map[string]int) {
	namespaces = map[string]int{}
	for object, f := range q.inFlight {
		all++
		namespaces[object.Namespace]++
		if now.Sub(f.began) < q.slowAfter {
			fast++
		}
	}
	return fast, all, namespaces
}

// unobserved reports whether an earlier plan than that of this round has begun a write of
// the object, and this round has not observed its effect.
func (q *queue) unobserved(object diag.Object) bool {
	f := q.unobservedWrites[object]
	return f != nil && f.round < q.round
}

// blocked reports whether a step waits for a write whose effect its plan has not observed.
func (q *queue) blocked(s *queued) bool {
	if f := q.unobservedWrites[s.Object.Object]; f != nil {
		return true
	}
	var hosts []string
	for _, f := range q.earlierWrites {
		if f.round >= s.round || f.object.Kind == s.Object.Kind {
			continue
		}
		if hosts == nil {
			hosts = s.change.hosts()
		}
		if shareHost(f.hosts, hosts) {
			return true
		}
	}
	return false
}

// shareHost reports whether two sorted lists have a host in common.
func shareHost(a, b []string) bool {
	return slices.ContainsFunc(a, func(host string) bool {
		_, found := slices.BinarySearch(b, host)
		return found
	})
}

// end records that a write has ended.
func (q *queue) end(object diag.Object) {
	delete(q.inFlight, object)
}

// writingSince returns when the first unobserved write with a host began; zero if there is
// none.
func (q *queue) writingSince(host string) time.Time {
	var out time.Time
	for _, f := range q.unobservedWrites {
		if shareHost([]string{host}, f.hosts) {
			out = earlier(out, f.began)
		}
	}
	return out
}

// slowAt returns when the next write in flight stops to count as fast, which lets another
// one begin; zero for never.
func (q *queue) slowAt(now time.Time) time.Time {
	var out time.Time
	for _, f := range q.inFlight {
		if at := f.began.Add(q.slowAfter); at.After(now) {
			out = earlier(out, at)
		}
	}
	return out
}

// prioritized returns steps in the order in which they should begin, and otherwise in the
// order of their plans:
//
//  1. updates after a change of a user's VirtualService, whose owner is waiting
//  2. updates of other routes, after a change of versions
//  3. new routes, and changes of subsets
//  4. deletions
func prioritized(steps []queued) []queued {
	out := slices.Clone(steps)
	slices.SortStableFunc(out, func(a, b queued) int { return a.priority() - b.priority() })
	return out
}

func (s *queued) priority() int {
	switch {
	case s.Action == plan.Delete:
		return 3
	case s.Object.Kind != "VirtualService" || s.Action != plan.Update:
		return 2
	case !s.change.followsUser():
		return 1
	}
	return 0
}
