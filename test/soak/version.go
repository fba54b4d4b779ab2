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

// versions knows of each version what the soak did to it, what is seen of it, and
// what was announced.
type versions struct {
	timeline *timeline
	book     *judge.Book
	// begin starts to send requests for a version; what it returns ends that.
	begin func(*judge.Announcement) (end func())
	// tell tells people of something.
	tell func(format string, args ...any)
	// settle waits until all proxies have what was written before. confirmed waits for those
	// who wait for that.
	settle    func() error
	confirmed sync.WaitGroup

	mu sync.Mutex
	// changed is closed and made anew with each change.
	changed chan struct{}
	known   map[judge.Version]*version
	// pins are the subsets that rows for no override lead to, by Service.
	pins map[string][]string
	// subsets are the labels of subsets of ours, by Service and name.
	subsets map[string]map[string]map[string]string
	// robbed are the Services that a user has deleted an object of.
	robbed map[string]bool
	// unasked counts announced versions that were lost or withdrawn though nothing was
	// done to them.
	unasked []string
}

// version is one that is deployed, or was. A version is whole while all that was done
// to it is mended.
type version struct {
	judge.Version
	there, whole bool
	// broken is when something was done to it last, at first its deployment; lost says
	// that this was seen, mended when it was whole again.
	broken, mended time.Time
	lost           bool
	// settled is the time of mending since which proxies are known to have what was written;
	// confirming is set while that is waited for.
	settled    time.Time
	confirming bool
	// pods are its pods' states; those of a version of the same name before are past.
	pods map[string]string
	past map[string]bool
	// awaited is set until its first pod is ready. Missable says that what was done to it
	// may be over before anybody has seen it.
	awaited, missable bool
	// heard is when the operator has last said that it can be asked for, by the
	// operator's clock, which is ours; zero once it has said that it can't.
	heard time.Time
	// row says that there is a row for it, unrouted when there last was none.
	row      bool
	unrouted time.Time

	announcement *judge.Announcement
	end          func()
}

func newVersions(t *timeline, book *judge.Book) *versions {
	return &versions{timeline: t, book: book, changed: make(chan struct{}), known: map[judge.Version]*version{}, pins: map[string][]string{}, robbed: map[string]bool{}, subsets: map[string]map[string]map[string]string{}}
}

// deployed says that a version is about to be made. Pods of one of the same name that
// was deleted count for nothing; but its row may go on to be there.
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

// forgetPods has those that there are count for nothing from now on.
func (x *version) forgetPods() {
	for pod := range x.pods {
		x.past[pod] = true
	}
	x.pods = map[string]string{}
}

// breaks says that something is about to be done to a version after which it can't
// be relied on: until that was seen and is mended.
func (vs *versions) breaks(v judge.Version, why judge.Class) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if x := vs.known[v]; x != nil && x.there {
		x.whole, x.lost, x.broken = false, false, time.Now()
		x.missable = why != judge.Leaving
		if why == judge.Leaving {
			// All of its pods are to end: those that are ready for a moment longer, while others
			// end already, mend nothing.
			x.forgetPods()
			x.lost = true
		}
		vs.cease(x, why)
	}
}

// gone says that a version is about to be deleted.
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
	vs.timeline.note(x.Service, "%s is announced no more: %s", x.Version, why)
	x.announcement = nil
	x.end()
}

// podIs notes the state of a pod; it reports whether that is news.
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

// overridable notes that the operator says that a version can be asked for.
func (vs *versions) overridable(service, name string, at time.Time) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if x := vs.known[judge.Version{Service: service, Name: name}]; x != nil && at.After(x.heard) {
		x.heard = at
		vs.look(x)
	}
}

// rob says whether a user has deleted an object of a Service: then versions may be
// withdrawn.
func (vs *versions) rob(service string, yes bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.robbed[service] = yes
}

// withdrawn notes that the operator says that a version can't be asked for.
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
		// Requests go on to be judged as if it had not been said.
		vs.unask(x, "it is withdrawn, though it is whole")
	}
}

// rows notes which rows there are for versions of a Service.
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

// quiet is for how long a version has to be whole, and to have a row, before it is
// taken to be announced still, when proxies have had what was written by then: that was
// said, and has not been taken back, though something was done to it. It may have lost
// nothing but one of several pods.
const quiet = 3 * time.Second

// missed is after how long what was done to a version, and was not seen, is over.
const missed = 10 * time.Second

// look begins to send requests for a version when it is announced: when that was said
// after it was mended, or before, and is so still.
func (vs *versions) look(x *version) {
	vs.wake()
	if x.there && !x.whole && !x.lost && x.missable && time.Since(x.broken) > missed {
		vs.timeline.note(x.Service, "nobody has seen what was done to %s", x.Version)
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

// confirm waits until all proxies have what was so when a version was mended.
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

// wake wakes those who wait for something.
func (vs *versions) wake() {
	close(vs.changed)
	vs.changed = make(chan struct{})
}

var errLate = errors.New("it takes too long")

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

// until waits for a condition, which is asked for with the lock held.
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

// defined takes notice of the subsets of ours of a Service.
func (vs *versions) defined(service string, subsets map[string]map[string]string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.subsets[service] = subsets
	vs.wake()
}

// pinnedTo reports whether what is written leads ordinary requests to a Service to the
// workloads of some versions, each of them, and to no others. The lock is held.
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

// end ends all announcements: the soak is over.
func (vs *versions) endAll() {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, x := range vs.known {
		x.whole = false
		vs.cease(x, judge.Leaving)
	}
}
