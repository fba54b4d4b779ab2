package operator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// stepClient takes the steps of a plan, like [apply.Client].
type stepClient interface {
	Do(ctx context.Context, step plan.Step, seen *apply.Seen) (*apply.Seen, error)
}

// writer takes steps in the background, several at once.
type writer struct {
	client  stepClient
	store   *store
	log     *slog.Logger
	metrics *metrics
	dryRun  bool
	// ended gets a value when a write has ended.
	ended chan struct{}

	mu    sync.Mutex
	queue *queue
	// observed is when the effects of writes were last read; finished are the objects of the
	// writes that have ended since.
	observed time.Time
	finished []diag.Object
	failures failures
	rivals   rivals
	running  sync.WaitGroup
	// slow begins waiting steps when a write in flight no longer counts as fast.
	slow *time.Timer
}

func newWriter(client stepClient, s *store, p *parts, dryRun bool) *writer {
	return &writer{
		client: client, store: s, log: p.log, metrics: p.metrics, dryRun: dryRun, ended: make(chan struct{}, 1),
		queue: newQueue(defaultLimits()), failures: failures{}, rivals: newRivals(),
	}
}

// observe begins a round and must be called before the store is read for plans. It returns
// the objects of the writes that have ended since the last call, and of those to retry.
func (w *writer) observe() []diag.Object {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.observe()
	w.observed = time.Now()
	out := w.finished
	w.finished = nil
	return out
}

// start queues the steps of the plans of islands in place of their earlier ones, and begins
// to take them.
func (w *writer) start(ctx context.Context, due, gone []*islandState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	replanned := make(map[*islandState]bool, len(due)+len(gone))
	for _, islands := range [][]*islandState{due, gone} {
		for _, p := range islands {
			replanned[p] = true
		}
	}
	w.queue.drop(replanned)
	for _, p := range due {
		w.install(p)
	}
	w.failures.dropUnplanned(due, gone)
	w.rivals.forget(time.Now())
	w.queue.steps = prioritized(w.queue.steps)
	for _, p := range due {
		withholdPropagated(&p.planned, p.result.Tables, w.queue.unobserved)
	}
	w.startReady(ctx)
}

// install queues the steps of the plan of an island, except for failed ones that must wait.
func (w *writer) install(p *islandState) {
	now := time.Now()
	var steps []queued
	about := p.objectContext()
	p.waits = false
	for _, step := range p.planned.Steps {
		seen := p.seen[step.Object.Object]
		waits, undone := w.rivals.mustWait(step, seen, w.observed, now)
		if undone {
			w.metrics.undone.WithLabelValues(step.Object.Kind).Inc()
		}
		if waits || w.failures.mustWait(step, seen, now) {
			p.waits = true
			continue
		}
		w.failures.markTried(step.Object.Object)
		steps = append(steps, queued{Step: step, change: about.change(step, seen), seen: seen})
	}
	w.queue.install(p, steps)
}

// startReady begins all steps that may begin now. The caller has locked w.mu.
func (w *writer) startReady(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		step, ok := w.queue.begin(now)
		if !ok {
			w.scheduleSlow(ctx, now)
			return
		}
		w.running.Go(func() { w.do(ctx, step, step.seen) })
	}
}

// scheduleSlow schedules startReady for when a write in flight no longer counts as fast.
func (w *writer) scheduleSlow(ctx context.Context, now time.Time) {
	at := w.queue.slowAt(now)
	if w.slow != nil {
		w.slow.Stop()
		w.slow = nil
	}
	if len(w.queue.steps) == 0 || at.IsZero() {
		return
	}
	w.slow = time.AfterFunc(at.Sub(now)+time.Millisecond, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.startReady(ctx)
	})
}

// forget drops the queue, failures and conflicts.
func (w *writer) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue, w.failures, w.rivals, w.finished = newQueue(w.queue.limits), failures{}, newRivals(), nil
}

// wait drops waiting steps, and returns when no write is in flight.
func (w *writer) wait() {
	w.mu.Lock()
	w.queue.steps = nil
	w.mu.Unlock()
	w.running.Wait()
}

// writingSince returns when the first write with a host began that is in flight or not
// observed yet; zero if there is none.
func (w *writer) writingSince(host string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.writingSince(host)
}

// do takes one step, and then begins waiting ones.
func (w *writer) do(ctx context.Context, step queued, seen *apply.Seen) {
	now, err := w.client.Do(ctx, step.Step, seen)
	w.metrics.countWrite(step.Step, err)
	w.record(ctx, step, seen, now, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.end(step.Object.Object)
	w.finished = append(w.finished, step.Object.Object)
	w.startReady(ctx)
	w.notifyEnded()
}

// notifyEnded signals the loop that a write has ended.
func (w *writer) notifyEnded() {
	select {
	case w.ended <- struct{}{}:
	default:
	}
}

// record records and logs the result of a step.
func (w *writer) record(ctx context.Context, step queued, seen, after *apply.Seen, err error) {
	object := step.Object.Object
	log := w.log.With("action", step.Action, "object", object.String())
	switch {
	case err == nil && w.dryRun:
		log.Info("would write", "changes", step.change.text(), "reason", step.change.reason())
		w.fail(step, seen, nil)
	case err == nil:
		log.Info("wrote", "changes", step.change.text(), "reason", step.change.reason())
		w.store.wrote(object, seen, after)
		w.mu.Lock()
		w.rivals.wrote(step.Step, seen, after, time.Now())
		w.finished = append(w.finished, w.failures.accepted(object, step.change.hosts(), time.Now())...)
		w.mu.Unlock()
	case ctx.Err() != nil:
	default:
		until := w.fail(step, seen, err)
		if isStale(err) {
			log.Debug("stale", "error", err)
			return
		}
		if isForeign(err) {
			log.Debug("left as it is", "error", err) // there is a diagnostic
			return
		}
		log.Error("write", "error", err, "changes", step.change.text(), "reason", step.change.reason(),
			"again", time.Until(until).Round(time.Millisecond).String())
	}
}

func (w *writer) fail(step queued, seen *apply.Seen, err error) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures.add(step, seen, err, time.Now())
}

// retry returns when a failed step may be retried; zero for never.
func (w *writer) retry() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return earlier(w.failures.next(), w.rivals.next(time.Now()))
}

// retryNow retries all failed steps at once.
func (w *writer) retryNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = append(w.finished, w.failures.retryNow(time.Now())...)
	w.notifyEnded()
}

// refused returns the refused writes of each island. Writes of objects without an island are
// under nil.
func (w *writer) refused(of func(diag.Object) *islandState) map[*islandState][]*apply.Refusal {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[*islandState][]*apply.Refusal{}
	for _, r := range append(w.failures.refused(), w.rivals.refused(time.Now())...) {
		p := of(r.Step.Object.Object)
		out[p] = append(out[p], r)
	}
	return out
}
