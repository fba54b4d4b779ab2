package operator

import (
	"maps"
	"slices"
	"time"

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
// Steps of one plan do not depend on each other. A step of a later plan may depend on
// the effect of a write that the later plan has not observed: a route must not name a
// subset that a write in flight removes. So a step waits
//
//	for a write of the same object                              of whatever plan
//	for a write of the other kind that names one of its hosts   of an earlier plan
//
// until that write is over and a plan has observed its effect. All other writes are
// independent of it.
type queue struct {
	limits

	// steps are those of the latest plan that have not begun, in the order in which
	// they are to begin.
	steps []queued
	// current are the writes of the latest plan that have begun, earlier those of plans
	// before whose effects the latest plan has not observed.
	current, earlier map[diag.Object]*flight
}

// queued is a step of a plan that is to be taken.
type queued struct {
	plan.Step
	change change
}

// flight is a write that has begun.
type flight struct {
	object diag.Object
	hosts  []string
	began  time.Time
	// over is set when the write was answered, or given up.
	over bool
}

func newQueue(l limits) *queue {
	return &queue{limits: l, current: map[diag.Object]*flight{}, earlier: map[diag.Object]*flight{}}
}

// observe notes that the effects of all writes that are over are about to be read. Steps
// that wait for one were planned without its effect, so they are for the next plan.
func (q *queue) observe() {
	q.steps = slices.DeleteFunc(q.steps, func(s queued) bool { return q.blocked(&s) })
	for _, flights := range []map[diag.Object]*flight{q.current, q.earlier} {
		for object, f := range flights {
			if f.over {
				delete(flights, object)
			}
		}
	}
}

// install replaces the steps by those of a new plan, which was made from what was
// observed last.
func (q *queue) install(steps []queued) {
	q.steps = steps
	maps.Copy(q.earlier, q.current)
	clear(q.current)
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
		q.steps = slices.Delete(q.steps, i, i+1)
		q.current[out.Object.Object] = &flight{object: out.Object.Object, hosts: out.change.hosts(), began: now}
		return out, true
	}
	return queued{}, false
}

// count counts the writes that are in flight.
func (q *queue) count(now time.Time) (fast, all int, namespaces map[string]int) {
	namespaces = map[string]int{}
	for _, flights := range []map[diag.Object]*flight{q.current, q.earlier} {
		for object, f := range flights {
			if f.over {
				continue
			}
			all++
			namespaces[object.Namespace]++
			if now.Sub(f.began) < q.slowAfter {
				fast++
			}
		}
	}
	return fast, all, namespaces
}

// unobserved reports whether a write of an object has begun, of a plan before the latest,
// whose effect the latest has not observed.
func (q *queue) unobserved(object diag.Object) bool { return q.earlier[object] != nil }

// blocked reports whether a step waits for a write whose effect its plan has not
// observed.
func (q *queue) blocked(s *queued) bool {
	if len(q.earlier) == 0 {
		return false
	}
	if q.unobserved(s.Object.Object) {
		return true
	}
	hosts := s.change.hosts()
	for _, f := range q.earlier {
		if f.object.Kind != s.Object.Kind && shareHost(f.hosts, hosts) {
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
	for _, flights := range []map[diag.Object]*flight{q.current, q.earlier} {
		if f := flights[object]; f != nil {
			f.over = true
		}
	}
}

// flyingSince returns since when a write that names a host is in flight, or has ended
// without its effect being observed; zero where there is none.
func (q *queue) flyingSince(host string) time.Time {
	var out time.Time
	for _, flights := range []map[diag.Object]*flight{q.current, q.earlier} {
		for _, f := range flights {
			if shareHost([]string{host}, f.hosts) {
				out = earlier(out, f.began)
			}
		}
	}
	return out
}

// idle reports whether no step of the latest plan is in flight or could begin without
// a new plan.
func (q *queue) idle() bool {
	for _, f := range q.current {
		if !f.over {
			return false
		}
	}
	return !slices.ContainsFunc(q.steps, func(s queued) bool { return !q.blocked(&s) })
}

// slowAt returns when the next write in flight becomes a slow one, and gives its place
// to another; zero for never.
func (q *queue) slowAt(now time.Time) time.Time {
	var out time.Time
	for _, flights := range []map[diag.Object]*flight{q.current, q.earlier} {
		for _, f := range flights {
			if at := f.began.Add(q.slowAfter); !f.over && at.After(now) {
				out = earlier(out, at)
			}
		}
	}
	return out
}

// ranked returns steps in the order in which they are to begin: first what follows a
// change of the routes of a user's VirtualService, whose owner waits for it; then
// changes of other routes, which follow versions; then what makes new routes and
// subsets possible; what is not needed any more comes last. Otherwise the order is that
// of the plan.
func ranked(steps []queued) []queued {
	out := slices.Clone(steps)
	slices.SortStableFunc(out, func(a, b queued) int { return a.rank() - b.rank() })
	return out
}

func (s *queued) rank() int {
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
