package operator

import (
	"maps"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// limits bound the writes that are in flight at the same time.
type limits struct {
	// fast bounds the writes that were begun less than slowAfter ago. An older one
	// gives its place to another, so that a few slow ones hold up nobody.
	fast      int
	slowAfter time.Duration
	// all bounds all writes in flight, namespace those of one namespace.
	all, namespace int
}

func defaultLimits() limits {
	return limits{fast: 8, slowAfter: 250 * time.Millisecond, all: 64, namespace: 16}
}

// queue decides which write begins next. It has no lock and no clock: the [writer]
// owns both.
//
// Steps of one plan do not depend on each other, nor on those of other islands. A step of a
// later plan of an island may depend on the effect of a write that the later plan has not
// observed: a route must not name a subset that a write in flight removes. So a step waits
//
//	for a write of the same object                              of whatever plan
//	for a write of the other kind that names one of its hosts   of an earlier plan
//
// until that write is over and a plan has observed its effect. All other writes are
// independent of it.
type queue struct {
	limits

	// round counts the reconciliations. All plans of one have observed what was over before it.
	round int
	// steps are those of the latest plans that have not begun, in the order in which they
	// are to begin.
	steps []queued
	// flights are the writes that have begun, and are not over, or not observed to be: flying
	// are those that are not over, earlier those that were not when the round began.
	unobservedWrites, inFlight, earlierWrites map[diag.Object]*inFlightWrite
}

// queued is a step of a plan that is to be taken.
type queued struct {
	plan.Step
	change change
	// of is the island, round the one in which it was planned, and seen the object as it was
	// then.
	island *islandState
	round  int
	seen   *apply.Seen
}

// flight is a write that has begun.
type inFlightWrite struct {
	object diag.Object
	hosts  []string
	began  time.Time
	round  int
}

func newQueue(l limits) *queue {
	return &queue{limits: l, unobservedWrites: map[diag.Object]*inFlightWrite{}, inFlight: map[diag.Object]*inFlightWrite{}, earlierWrites: map[diag.Object]*inFlightWrite{}}
}

// observe begins a round: the effects of all writes that are over are about to be read.
// Steps that wait for a write are dropped, as they were planned without its effect: their
// island is looked at again when it is over.
func (q *queue) observe() {
	q.steps = slices.DeleteFunc(q.steps, func(s queued) bool { return q.blocked(&s) })
	q.unobservedWrites, q.earlierWrites = maps.Clone(q.inFlight), maps.Clone(q.inFlight)
	q.round++
}

// drop drops the steps of islands, which have other plans now, or are no more.
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

// begin takes the first step that may begin at a time. It reports false if there is
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

// count counts the writes that are in flight.
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

// unobserved reports whether a write of an object has begun, of a plan before that of this
// round, whose effect this one has not observed.
func (q *queue) unobserved(object diag.Object) bool {
	f := q.unobservedWrites[object]
	return f != nil && f.round < q.round
}

// blocked reports whether a step waits for a write whose effect its plan has not
// observed.
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

// end notes that a write is over.
func (q *queue) end(object diag.Object) {
	delete(q.inFlight, object)
}

// flyingSince returns since when a write that names a host is in flight, or has ended
// without its effect being observed; zero where there is none.
func (q *queue) writingSince(host string) time.Time {
	var out time.Time
	for _, f := range q.unobservedWrites {
		if shareHost([]string{host}, f.hosts) {
			out = earlier(out, f.began)
		}
	}
	return out
}

// slowAt returns when the next write in flight becomes a slow one, and gives its place
// to another; zero for never.
func (q *queue) slowAt(now time.Time) time.Time {
	var out time.Time
	for _, f := range q.inFlight {
		if at := f.began.Add(q.slowAfter); at.After(now) {
			out = earlier(out, at)
		}
	}
	return out
}

// ranked returns steps in the order in which they are to begin: first what follows a
// change of the routes of a user's VirtualService, whose owner waits for it; then
// changes of other routes, which follow versions; then what makes new routes and
// subsets possible; what is not needed any more comes last. Otherwise the order is that
// of the plan.
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
