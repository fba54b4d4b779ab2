package operator

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// A write that is undone, by something that writes under our field manager, is made again
// at once the first time. From then on it waits, longer each time: two operators whose
// flags differ would write over each other without end. Deletions tell nothing of who has
// deleted, and people do that too; so one more of them is needed.
const (
	undoneLimit, deletedLimit      = 2, 3
	rivalBackoff, rivalBackoffMax  = time.Second, 5 * time.Minute
	undoneWindow, rivalForgetAfter = time.Minute, 15 * time.Minute
)

// rivals has what became of the last write of each object.
type rivals struct {
	byObject map[diag.Object]rival
	// noted are the objects of which a write was undone, or that were deleted.
	suspects map[diag.Object]bool
}

func newRivals() rivals {
	return rivals{byObject: map[diag.Object]rival{}, suspects: map[diag.Object]bool{}}
}

// put notes what became of the last write of an object.
func (rs rivals) put(object diag.Object, r rival) {
	rs.byObject[object] = r
	if r.undone > 0 || r.wrote == "" {
		rs.suspects[object] = true
	} else {
		delete(rs.suspects, object)
	}
}

// rival is something that undoes writes of an object, as far as there is one.
type rival struct {
	// wrote is the state that the last write has made, empty for a deletion; applied is
	// when, by the API server's clock, at by ours; sum is of what was written.
	wrote            string
	applied, wroteAt time.Time
	contentHash      uint64
	// removed is the object that a deletion has removed.
	removed types.UID
	// known is the state of the object that was judged last.
	judged string
	// undone counts writes in a row that were undone, and last is when the last one was.
	undone     int
	deletes    bool
	lastUndone time.Time
	// until is when the object may be written again.
	retryAt time.Time
}

// undoing is what became of a write.
type writeOutcome int

const (
	intact writeOutcome = iota
	overwritten
	deleted
)

// becameOf says what became of the last write of an object that is now as seen, and for
// which something is wanted. A user who takes over a field has it: what is left of ours is
// part of what was written.
func (r *rival) outcome(seen *apply.Seen, wanted []byte) writeOutcome {
	switch {
	case seen == nil && r.wrote != "":
		return deleted
	case seen == nil || versionOf(seen) == r.wrote:
		return intact
	case r.wrote == "":
		if seen.UID == r.removed {
			return intact // an older state of it
		}
		return overwritten
	case !seen.Written.Equal(r.applied):
		return overwritten
	case hashOf(wanted) == r.contentHash && !isSubset(seen.Managed, wanted):
		return overwritten
	}
	return intact
}

func hashOf(content []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(content) // never fails
	return h.Sum64()
}

// partOf reports whether one JSON object has nothing that another one has not. Lists are
// written as a whole.
func isSubset(part, whole []byte) bool {
	var a, b any
	if json.Unmarshal(orNull(part), &a) != nil || json.Unmarshal(orNull(whole), &b) != nil {
		return false
	}
	return isSubsetValue(a, b)
}

func isSubsetValue(part, whole any) bool {
	a, isObject := part.(map[string]any)
	b, areObjects := whole.(map[string]any)
	if !isObject || !areObjects {
		return part == nil || reflect.DeepEqual(part, whole)
	}
	for key, value := range a {
		if other, there := b[key]; !there || !isSubsetValue(value, other) {
			return false
		}
	}
	return true
}

// wrote notes that a step was taken, and what it has made of its object.
func (rs rivals) wrote(step plan.Step, on, after *apply.Seen, now time.Time) {
	r := rs.byObject[step.Object.Object]
	if after == nil && on != nil {
		r.removed = on.UID
	}
	r.wrote, r.applied, r.wroteAt, r.contentHash = versionOf(after), time.Time{}, now, hashOf(step.Object.JSON)
	if after != nil {
		r.applied = after.Written
	}
	r.judged = r.wrote
	rs.put(step.Object.Object, r)
}

// waits judges what became of the last write of the object of a step that is planned now.
// It reports whether the step is to wait, and whether the write was found undone just now.
// What was observed before the write has ended says nothing of it.
func (rs rivals) mustWait(step plan.Step, seen *apply.Seen, observed, now time.Time) (waits, undone bool) {
	r, known := rs.byObject[step.Object.Object]
	if !known {
		return false, false
	}
	if version := versionOf(seen); r.judged != version && observed.After(r.wroteAt) {
		outcome := r.outcome(seen, step.Object.JSON)
		if undone = outcome != intact; undone {
			r.count(outcome, now)
		}
		r.judged = version
		rs.put(step.Object.Object, r)
	}
	return now.Before(r.retryAt), undone
}

// count notes that a write was undone.
func (r *rival) count(outcome writeOutcome, now time.Time) {
	if now.Sub(r.lastUndone) > undoneWindow+2*r.retryAt.Sub(r.lastUndone) {
		r.undone, r.deletes = 0, true
	}
	r.undone++
	r.lastUndone, r.retryAt = now, now
	r.deletes = r.deletes && outcome == deleted
	if over := r.undone - r.limit(); over >= 0 {
		r.retryAt = now.Add(min(rivalBackoff<<min(over, 20), rivalBackoffMax))
	}
}

// most is how many writes are undone before it is taken for more than chance.
func (r *rival) limit() int {
	if r.deletes {
		return deletedLimit
	}
	return undoneLimit
}

// fights reports whether something undoes writes.
func (r *rival) isActive(now time.Time) bool {
	return r.undone >= r.limit() && now.Sub(r.lastUndone) < rivalForgetAfter
}

// forget drops what is known of objects that nobody has undone a write of for long, and
// that are gone.
func (rs rivals) forget(now time.Time) {
	for object := range rs.suspects {
		if r := rs.byObject[object]; r.wrote == "" && now.Sub(r.wroteAt) > rivalForgetAfter && !r.isActive(now) {
			delete(rs.byObject, object)
			delete(rs.suspects, object)
		}
	}
}

// next returns when the first object may be written again, zero for never.
func (rs rivals) next(now time.Time) time.Time {
	var out time.Time
	for object := range rs.suspects {
		if r := rs.byObject[object]; r.retryAt.After(now) {
			out = earlier(out, r.retryAt)
		}
	}
	return out
}

// refused tells of the objects whose writes are undone, sorted.
func (rs rivals) refused(now time.Time) []*apply.Refusal {
	var out []*apply.Refusal
	for object := range rs.suspects {
		r := rs.byObject[object]
		if !r.isActive(now) {
			continue
		}
		refusal := &apply.Refusal{Code: diag.WriteUndone, Message: fmt.Sprintf(
			"something else writes it as field manager %q too, and undoes what this operator writes, which it does ever more rarely: another operator, with other flags?", apply.Manager,
		)}
		if r.deletes {
			refusal.Message = "something else deletes it each time that it is written, which is done ever more rarely: another operator, with other flags?"
		}
		refusal.Step = plan.Step{Action: plan.Update}
		refusal.Step.Object.Object = object
		out = append(out, refusal)
	}
	slices.SortFunc(out, func(a, b *apply.Refusal) int { return a.Step.Object.Compare(b.Step.Object.Object) })
	return out
}
