package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// versions knows for each version the soak's actions, its observed state, and its
// announcements.
type versions struct {
	timeline *timeline
	book     *judge.Book
	// begin starts to send requests for a version; the returned function ends them.
	begin func(*judge.Announcement) (end func())
	// tell prints a line.
	tell func(format string, args ...any)
	// settle waits until all proxies have the objects written before. confirmed counts
	// the goroutines that wait for it.
	settle    func() error
	confirmed sync.WaitGroup

	mu sync.Mutex
	// changed is closed and replaced at each change.
	changed chan struct{}
	known   map[judge.Version]*version
	// pins are the subsets in rows without an override, by Service.
	pins map[string][]string
	// subsets are the labels of the operator's subsets, by Service and name.
	subsets map[string]map[string]map[string]string
	// robbed are the Services with an object that a user has deleted.
	robbed map[string]bool
	// unasked lists announced versions that became unready or were withdrawn without an
	// action.
	unasked []string
}

// version is a version that is or was deployed. It is whole while the effects of all
// actions on it are mended.
type version struct {
	judge.Version
	there, whole bool
	// broken is the time of the last action on it, at first its deployment; lost says
	// that the effect was seen, mended is the time when it was whole again.
	broken, mended time.Time
	lost           bool
	// settled is the time of mending since which proxies are known to have the written
	// objects; confirming is set while that is pending.
	settled    time.Time
	confirming bool
	// pods are its pods' states; those of an earlier version of the same name are past.
	pods map[string]string
	past map[string]bool
	// awaited is set until its first pod is ready. Missable says that the effect of an
	// action may be over before it is seen.
	awaited, missable bool
	// heard is when the operator last reported it as overridable, by the operator's
	// clock, which is also this one; zero once it was withdrawn.
	heard time.Time
	// row says that it has a row; unrouted is when it last had none.
	row      bool
	unrouted time.Time

	announcement *judge.Announcement
	end          func()
}

func newVersions(t *timeline, book *judge.Book) *versions {
	return &versions{timeline: t, book: book, changed: make(chan struct{}), known: map[judge.Version]*version{}, pins: map[string][]string{}, robbed: map[string]bool{}, subsets: map[string]map[string]map[string]string{}}
}

// deployed records that a version is about to be deployed. Pods of a deleted version of
// the same name do not count; but its row may still exist.
func (vs *versions) deployed(v judge.Version) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	x := vs.known[v]
	if x == nil {
		x = &version{Version: v, unrouted: time.Now(), past: map[string]bool{}}
		vs.known[v] = x
	}
	x.forgetPods()
	x.there, x.awaited, x.lost, x.broken = true, true, true, time.Now()
}

// forgetPods makes the existing pods not count from now on.
func (x *version) forgetPods() {
	for pod := range x.pods {
		x.past[pod] = true
	}
	x.pods = map[string]string{}
}

// breaks records an action after which a version can't be relied on until its effect was
// seen and is mended.
func (vs *versions) breaks(v judge.Version, why judge.Class) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if x := vs.known[v]; x != nil && x.there {
		x.whole, x.lost, x.broken = false, false, time.Now()
		x.missable = why != judge.Leaving
		if why == judge.Leaving {
			// All its pods will terminate: those that are ready for a moment longer,
			// while others terminate already, do not make it whole.
			x.forgetPods()
			x.lost = true
		}
		vs.cease(x, why)
	}
}

// gone records that a version is about to be deleted.
func (vs *versions) gone(v judge.Version) {
	vs.breaks(v, judge.Leaving)
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if x := vs.known[v]; x != nil {
		x.there = false
	}
}

// cease ends an announcement.
func (vs *versions) cease(x *version, why judge.Class) {
	if x.announcement == nil {
		return
	}
	vs.book.End(x.announcement, time.Now(), why)
	vs.timeline.note(x.Service, "%s is no longer announced: %s", x.Version, why)
	x.announcement = nil
	x.end()
}

// podIs records the state of a pod, and reports whether it changed.
func (vs *versions) podIs(service, name, pod, state string) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	x := vs.known[judge.Version{Service: service, Name: name}]
	if x == nil || x.past[pod] {
		return true
	}
	before := x.pods[pod]
	if before == state {
		return false
	}
	x.pods[pod] = state
	if state == "gone" {
		delete(x.pods, pod)
	}
	if before == "ready" && state == "not ready" && x.whole {
		vs.unask(x, "pod "+pod+" lost its readiness")
		x.whole, x.lost, x.broken = false, true, time.Now()
		vs.cease(x, judge.Unready)
	}
	if x.there && !x.whole {
		x.lost = x.lost || before == "ready"
		if states := x.states(); x.lost && states["ready"] > 0 && (x.awaited || states["not ready"] == 0) {
			x.whole, x.awaited, x.mended = true, false, time.Now()
		}
	}
	vs.look(x)
	return true
}

func (x *version) states() map[string]int {
	out := map[string]int{}
	for _, state := range x.pods {
		out[state]++
	}
	return out
}

func (vs *versions) unask(x *version, what string) {
	text := fmt.Sprintf("%s %s: %s", time.Now().Format("15:04:05.000"), x.Version, what)
	vs.unasked = append(vs.unasked, text)
	vs.timeline.note(x.Service, "unasked: %s", text)
	vs.tell("unasked: %s\n%s", text, vs.timeline.of(x.Service, time.Now().Add(-lately)))
}

// overridable records that the operator reports a version as overridable.
func (vs *versions) overridable(service, name string, at time.Time) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if x := vs.known[judge.Version{Service: service, Name: name}]; x != nil && at.After(x.heard) {
		x.heard = at
		vs.look(x)
	}
}

// rob records whether a user has deleted an object of a Service: then versions may be
// withdrawn.
func (vs *versions) rob(service string, yes bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.robbed[service] = yes
}

// withdrawn records that the operator reports a version as no longer overridable.
func (vs *versions) withdrawn(service, name string, at time.Time) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	x := vs.known[judge.Version{Service: service, Name: name}]
	if x == nil || at.Before(x.heard) {
		return
	}
	x.heard = time.Time{}
	if vs.robbed[service] {
		vs.cease(x, judge.Robbed)
		return
	}
	if x.announcement != nil && at.After(x.mended) {
		// Requests are still judged as if it had not been reported.
		vs.unask(x, "it is withdrawn without a reason")
	}
}

// rows records the rows for versions of a Service.
func (vs *versions) rows(service string, rows, pins []string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.pins[service] = pins
	for v, x := range vs.known {
		if v.Service != service {
			continue
		}
		name := service + "." + v.Name
		there := slices.ContainsFunc(rows, func(r string) bool { return r == name || strings.HasPrefix(r, name+".") })
		if !x.row || !there {
			x.unrouted = time.Now()
		}
		x.row = there
	}
	vs.wake()
}

// quiet is how long a version must be whole, and have a row, before it counts as still
// announced, once proxies have the objects written by then: it was reported, and not
// withdrawn in spite of an action on it. It may have lost only one of several pods.
const quiet = 3 * time.Second

// missed is the time after which the unseen effect of an action is over.
const missed = 10 * time.Second

// look starts to send requests for a version when it is announced: if that was reported
// after it was mended, or before and is still true.
func (vs *versions) look(x *version) {
	vs.wake()
	if x.there && !x.whole && !x.lost && x.missable && time.Since(x.broken) > missed {
		vs.timeline.note(x.Service, "the effect of the action on %s was not seen", x.Version)
		x.whole, x.mended = true, time.Now()
	}
	if !x.there || !x.whole || x.announcement != nil {
		return
	}
	still := x.row && !x.heard.IsZero() && time.Since(x.mended) > quiet && time.Since(x.unrouted) > quiet
	if still && !x.settled.Equal(x.mended) {
		vs.confirm(x)
		still = false
	}
	if !still && !x.heard.After(x.mended) {
		return
	}
	x.announcement = &judge.Announcement{Version: x.Version}
	vs.timeline.note(x.Service, "%s is announced", x.Version)
	x.end = vs.begin(x.announcement)
}

// confirm waits until all proxies have the state of the time when a version was mended.
func (vs *versions) confirm(x *version) {
	if x.confirming {
		return
	}
	x.confirming = true
	mended := x.mended
	vs.confirmed.Go(func() {
		err := vs.settle()
		vs.mu.Lock()
		defer vs.mu.Unlock()
		x.confirming = false
		if err == nil {
			x.settled = mended
			vs.look(x)
		}
	})
}

// wake wakes waiting goroutines.
func (vs *versions) wake() {
	close(vs.changed)
	vs.changed = make(chan struct{})
}

var errLate = errors.New("timed out")

// await waits until a version is announced.
func (vs *versions) await(ctx context.Context, v judge.Version, within time.Duration) error {
	err := vs.until(ctx, within, func() bool {
		x := vs.known[v]
		if x != nil {
			vs.look(x)
		}
		return x == nil || !x.there || x.announcement != nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s to be announced: %w", v, err)
	}
	return nil
}

// until waits for a condition, which it evaluates with the lock held.
func (vs *versions) until(ctx context.Context, within time.Duration, condition func() bool) error {
	timer, ticker := time.NewTimer(within), time.NewTicker(time.Second)
	defer timer.Stop()
	defer ticker.Stop()
	for {
		vs.mu.Lock()
		ok, changed := condition(), vs.changed
		vs.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return errLate
		case <-changed:
		case <-ticker.C:
		}
	}
}

// defined records the operator's subsets of a Service.
func (vs *versions) defined(service string, subsets map[string]map[string]string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.subsets[service] = subsets
	vs.wake()
}

// pinnedTo reports whether the written routes lead ordinary requests to a Service to the
// workloads of exactly the given versions. The lock must be held.
func (vs *versions) pinnedTo(service string, released ...string) bool {
	to := map[string]bool{}
	for _, subset := range vs.pins[service] {
		labels := vs.subsets[service][subset]
		to[cmp.Or(labels["version"], strings.TrimPrefix(labels["workload"], service+"-"))] = true
	}
	return slices.Equal(slices.Sorted(maps.Keys(to)), slices.Sorted(slices.Values(released)))
}

// pinned reports whether ordinary requests to a Service are pinned.
func (vs *versions) pinned(service string) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return slices.ContainsFunc(vs.pins[service], func(subset string) bool { return subset != "" })
}

// endAll ends all announcements at the end of the soak.
func (vs *versions) endAll() {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, x := range vs.known {
		x.whole = false
		vs.cease(x, judge.Leaving)
	}
}
