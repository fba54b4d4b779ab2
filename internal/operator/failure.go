package operator

import (
	"errors"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// A failed step is retried after a backoff that doubles each time. A refused step is retried
// rarely: only a change in the cluster can help. The operator notices most of these changes
// (see [failures.accepted]), but not those of the webhook that refuses.
const (
	failureBackoff, failureBackoffMax = 100 * time.Millisecond, 10 * time.Second
	refusalBackoff, refusalBackoffMax = time.Second, time.Minute
)

// failures has the last failure of each object.
type failures map[diag.Object]failure

// failure is a step that failed.
type failure struct {
	// action, content and version identify the step and the state of its object.
	action           plan.Action
	content, version string
	// island is the island of the step.
	island *islandState
	// hosts are the hosts that the object has rules for, or routes requests to.
	hosts   []string
	count   int
	retryAt time.Time
	refusal *apply.Refusal
	// tried is set while the step is being retried.
	tried bool
}

// isSameStep reports whether f is a failure of this step on this state of its object.
func (f *failure) isSameStep(step plan.Step, seen *apply.Seen) bool {
	return f.action == step.Action && f.content == string(step.Object.JSON) && f.version == versionOf(seen)
}

func versionOf(seen *apply.Seen) string {
	if seen == nil {
		return ""
	}
	return string(seen.UID) + "/" + seen.ResourceVersion
}

func isStale(err error) bool { return errors.Is(err, apply.ErrStale) }

// isForeign reports whether a step failed because its object belongs to another
// installation.
func isForeign(err error) bool {
	var refusal *apply.Refusal
	return errors.As(err, &refusal) && refusal.Code == diag.OtherInstance
}

// mustWait reports whether a step has failed and must not be retried yet. A step with other
// content, or on another state of the object, does not wait.
func (fs failures) mustWait(step plan.Step, seen *apply.Seen, now time.Time) bool {
	f, ok := fs[step.Object.Object]
	return ok && f.isSameStep(step, seen) && now.Before(f.retryAt)
}

// add records that a step failed, and returns when it may be retried.
func (fs failures) add(step queued, seen *apply.Seen, err error, now time.Time) time.Time {
	f := fs[step.Object.Object]
	if !f.isSameStep(step.Step, seen) {
		f = failure{action: step.Action, content: string(step.Object.JSON), version: versionOf(seen)}
	}
	f.count++
	f.tried = false
	f.hosts, f.island = step.change.hosts(), step.island
	first, last := failureBackoff, failureBackoffMax
	if errors.As(err, &f.refusal) || err == nil {
		first, last = refusalBackoff, refusalBackoffMax
	}
	f.retryAt = now.Add(min(first<<min(f.count-1, 20), last))
	fs[step.Object.Object] = f
	return f.retryAt
}

// accepted records that a write was accepted, and returns the objects that are retried
// because of it. The following refused objects are retried at once:
//
//	that have a host in common with it   a webhook may not have seen the object before
//	all, if the object was refused too   whatever refused it accepts objects again
func (fs failures) accepted(object diag.Object, hosts []string, now time.Time) []diag.Object {
	var out []diag.Object
	_, failed := fs[object]
	all := failed && fs[object].refusal != nil
	delete(fs, object)
	for other, f := range fs {
		if f.refusal != nil && (all || shareHost(f.hosts, hosts)) {
			f.retryAt = earlier(f.retryAt, now)
			f.count = min(f.count, 1)
			fs[other] = f
			out = append(out, other)
		}
	}
	return out
}

// retryNow retries all steps at once, and returns their objects.
func (fs failures) retryNow(now time.Time) []diag.Object {
	var out []diag.Object
	for object, f := range fs {
		f.retryAt, f.count = earlier(f.retryAt, now), min(f.count, 1)
		fs[object] = f
		out = append(out, object)
	}
	return out
}

// dropUnplanned drops the failures of objects for which the new plans of the due islands
// have no step, and those of islands that are gone.
func (fs failures) dropUnplanned(due, gone []*islandState) {
	if len(fs) == 0 {
		return
	}
	planned, is := map[diag.Object]*islandState{}, map[*islandState]bool{}
	for _, p := range due {
		is[p] = true
		for i := range p.planned.Steps {
			planned[p.planned.Steps[i].Object.Object] = p
		}
	}
	for _, p := range gone {
		is[p] = true
	}
	for object, f := range fs {
		if by := planned[object]; by != nil {
			f.island = by
			fs[object] = f
		} else if is[f.island] {
			delete(fs, object)
		}
	}
}

// markTried records that a step is being retried.
func (fs failures) markTried(object diag.Object) {
	if f, ok := fs[object]; ok {
		f.tried = true
		fs[object] = f
	}
}

// next returns when the first step may be retried; zero for never.
func (fs failures) next() time.Time {
	var out time.Time
	for _, f := range fs {
		if !f.tried {
			out = earlier(out, f.retryAt)
		}
	}
	return out
}

// refused lists the refusals, sorted by object.
func (fs failures) refused() []*apply.Refusal {
	var out []*apply.Refusal
	for _, f := range fs {
		if f.refusal != nil {
			out = append(out, f.refusal)
		}
	}
	slices.SortFunc(out, func(a, b *apply.Refusal) int { return a.Step.Object.Compare(b.Step.Object.Object) })
	return out
}
