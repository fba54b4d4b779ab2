package operator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

const (
	// writesAtOnce bounds requests at the same time. Steps of a plan do not depend
	// on each other.
	writesAtOnce = 8
	// A step that failed is taken again after a while, that doubles each time: one
	// that was refused only rarely, since nothing but a webhook has changed then.
	failedFirst, failedLast   = 100 * time.Millisecond, 10 * time.Second
	refusedFirst, refusedLast = time.Second, 5 * time.Minute
)

// writer takes steps.
type writer struct {
	client  *apply.Client
	store   *store
	log     *slog.Logger
	metrics *metrics
	dryRun  bool

	mu sync.Mutex
	// failed has the last failure of each object.
	failed map[diag.Object]failure
}

// failure is a step that could not be taken.
type failure struct {
	// action, content and version say which step it was, and on what.
	action           plan.Action
	content, version string
	times            int
	until            time.Time
	refusal          *apply.Refusal
}

// take takes the steps of the plan of p. It returns those that were taken, and when
// one that was not may be tried again.
func (w *writer) take(ctx context.Context, p *picture) (taken []plan.Step, again time.Time) {
	w.forget(p)
	var group errgroup.Group
	group.SetLimit(writesAtOnce)
	var mu sync.Mutex
	for _, step := range p.planned.Steps {
		seen := p.seen[step.Object.Object]
		if until, wait := w.waits(step, seen); wait {
			mu.Lock()
			again = earlier(again, until)
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			done, until := w.do(ctx, step, seen)
			mu.Lock()
			defer mu.Unlock()
			if done {
				taken = append(taken, step)
			}
			again = earlier(again, until)
			return nil
		})
	}
	_ = group.Wait() // no step returns an error
	return taken, again
}

// waits reports whether a step has failed before and is not to be taken yet.
func (w *writer) waits(step plan.Step, seen *apply.Seen) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.failed[step.Object.Object]
	return f.until, ok && f.is(step, seen) && time.Now().Before(f.until)
}

func (f *failure) is(step plan.Step, seen *apply.Seen) bool {
	return f.action == step.Action && f.content == string(step.Object.JSON) && f.version == versionOf(seen)
}

func versionOf(seen *apply.Seen) string {
	if seen == nil {
		return ""
	}
	return string(seen.UID) + "/" + seen.ResourceVersion
}

// do takes one step.
func (w *writer) do(ctx context.Context, step plan.Step, seen *apply.Seen) (bool, time.Time) {
	object := step.Object.Object
	now, err := w.client.Do(ctx, step, seen)
	w.metrics.wrote(step, err)
	if err == nil {
		w.mu.Lock()
		delete(w.failed, object)
		w.mu.Unlock()
		if w.dryRun {
			w.log.Info("would write", "action", step.Action, "object", object.String())
			return false, w.fail(step, seen, nil)
		}
		w.log.Info("wrote", "action", step.Action, "object", object.String())
		w.store.wrote(object, seen, now)
		return true, time.Time{}
	}
	if ctx.Err() != nil {
		return false, time.Time{}
	}
	until := w.fail(step, seen, err)
	if !errors.Is(err, apply.ErrStale) {
		w.log.Error("write", "error", err, "again", time.Until(until).Round(time.Millisecond).String())
	}
	return false, until
}

// fail notes that a step could not be taken, and returns when it may be again.
func (w *writer) fail(step plan.Step, seen *apply.Seen, err error) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.failed[step.Object.Object]
	if !f.is(step, seen) {
		f = failure{action: step.Action, content: string(step.Object.JSON), version: versionOf(seen)}
	}
	f.times++
	first, last := failedFirst, failedLast
	if errors.As(err, &f.refusal) || err == nil {
		first, last = refusedFirst, refusedLast
	}
	f.until = time.Now().Add(min(first<<min(f.times-1, 20), last))
	w.failed[step.Object.Object] = f
	return f.until
}

// forget drops failures of steps that are not planned any more.
func (w *writer) forget(p *picture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for object := range w.failed {
		if !slices.ContainsFunc(p.planned.Steps, func(s plan.Step) bool { return s.Object.Object == object }) {
			delete(w.failed, object)
		}
	}
}

// report tells of what was refused.
func (w *writer) report(p *picture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.failed {
		if f.refusal != nil {
			p.refused = append(p.refused, f.refusal)
			p.diags = append(p.diags, f.refusal.Diagnostic())
		}
	}
	slices.SortFunc(p.refused, func(a, b *apply.Refusal) int { return a.Step.Object.Compare(b.Step.Object.Object) })
	p.diags = diag.Sort(p.diags)
}
