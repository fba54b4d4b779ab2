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

// If another writer undoes a write under our field manager, the write is repeated at once
// the first time, and then after a backoff that doubles. Otherwise two operators with
// different flags would overwrite each other without end. A deletion does not say who made
// it, and users delete objects too, so the limit is higher for deletions.
const (
	undoneLimit, deletedLimit      = 2, 3
	rivalBackoff, rivalBackoffMax  = time.Second, 5 * time.Minute
	undoneWindow, rivalForgetAfter = time.Minute, 15 * time.Minute
)

// rivals has the result of the last write of each object.
type rivals struct {
	byObject map[diag.Object]rival
	// suspects are the objects whose writes were undone, and the deleted ones.
	suspects map[diag.Object]bool
}

func newRivals() rivals {
	return rivals{byObject: map[diag.Object]rival{}, suspects: map[diag.Object]bool{}}
}

// put records the result of the last write of an object.
func (rs rivals) put(object diag.Object, r rival) {
	rs.byObject[object] = r
	if r.undone > 0 || r.wrote == "" {
		rs.suspects[object] = true
	} else {
		delete(rs.suspects, object)
	}
}

// rival is the state of an object that another writer may be changing.
type rival struct {
	// wrote is the version after the last write, empty for a deletion; applied is the time
	// of the write by the API server's clock, wroteAt by our own; contentHash is its content.
	wrote            string
	applied, wroteAt time.Time
	contentHash      uint64
	// removed is the UID of the object that was deleted.
	removed types.UID
	// judged is the version of the object for which the outcome was last determined.
	judged string
	// undone counts consecutive undone writes; lastUndone is when the last one was detected.
	undone     int
	deletes    bool
	lastUndone time.Time
	// retryAt is when the object may be written again.
	retryAt time.Time
}

// writeOutcome is what has happened to a write since.
type writeOutcome int

const (
	intact writeOutcome = iota
	overwritten
	deleted
)

// outcome returns what has happened to the last write of an object, given its observed state
// and its wanted content. If a user takes over a field, the rest of our fields is a subset
// of what was written, which is no conflict.
func (r *rival) outcome(seen *apply.Seen, wanted []byte) writeOutcome {
	switch {
	case seen == nil && r.wrote != "":
		return deleted
	case seen == nil || versionOf(seen) == r.wrote:
		return intact
	case r.wrote == "":
		if seen.UID == r.removed {
			return intact // an older state of the deleted object
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

// isSubset reports whether each field of one JSON object is in another one with the same
// value. Lists are compared as a whole, because they are written as a whole.
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

// wrote records a step and the state of the object after it.
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

// mustWait determines the outcome of the last write of an object for which a step is
// planned. It reports whether the step must wait, and whether this call has found the write
// undone. An observation from before the end of the write says nothing about it.
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

// count counts an undone write.
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

// limit is the number of undone writes from which on there is a conflict.
func (r *rival) limit() int {
	if r.deletes {
		return deletedLimit
	}
	return undoneLimit
}

// isActive reports whether another writer undoes our writes.
func (r *rival) isActive(now time.Time) bool {
	return r.undone >= r.limit() && now.Sub(r.lastUndone) < rivalForgetAfter
}

// forget drops deleted objects without a conflict after a while.
func (rs rivals) forget(now time.Time) {
	for object := range rs.suspects {
		if r := rs.byObject[object]; r.wrote == "" && now.Sub(r.wroteAt) > rivalForgetAfter && !r.isActive(now) {
			delete(rs.byObject, object)
			delete(rs.suspects, object)
		}
	}
}

// next returns when the first object may be written again; zero for never.
func (rs rivals) next(now time.Time) time.Time {
	var out time.Time
	for object := range rs.suspects {
		if r := rs.byObject[object]; r.retryAt.After(now) {
			out = earlier(out, r.retryAt)
		}
	}
	return out
}

// refused returns a refusal for each object whose writes are undone, sorted.
func (rs rivals) refused(now time.Time) []*apply.Refusal {
	var out []*apply.Refusal
	for object := range rs.suspects {
		r := rs.byObject[object]
		if !r.isActive(now) {
			continue
		}
		refusal := &apply.Refusal{Code: diag.WriteUndone, Message: fmt.Sprintf(
			"another writer uses the field manager %q too and undoes the writes of this operator, which retries less and less often: another operator with other flags?", apply.Manager,
		)}
		if r.deletes {
			refusal.Message = "another writer deletes it after each write of this operator, which retries less and less often: another operator with other flags?"
		}
		refusal.Step = plan.Step{Action: plan.Update}
		refusal.Step.Object.Object = object
		out = append(out, refusal)
	}
	slices.SortFunc(out, func(a, b *apply.Refusal) int { return a.Step.Object.Compare(b.Step.Object.Object) })
	return out
}
