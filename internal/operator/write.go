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

// taker takes a step, as [apply.Client] does.
type taker interface {
	Do(ctx context.Context, step plan.Step, seen *apply.Seen) (*apply.Seen, error)
}

// patience is how long a pass waits for its writes, so that what follows from them is
// done in the same pass. Writes that take longer go on by themselves.
const patience = 100 * time.Millisecond

// replanAfter is how often there is a new plan at least while many steps of one are
// being taken.
const replanAfter = 500 * time.Millisecond

// writer takes steps, several at once, beside the loop.
type writer struct {
	client  taker
	store   *store
	log     *slog.Logger
	metrics *metrics
	dryRun  bool
	// ended gets a value when a write is over.
	ended chan struct{}

	mu    sync.Mutex
	queue *queue
	// observed is when the effects of writes were last read.
	observed time.Time
	// seen is what the latest plan was made from.
	seen map[diag.Object]*apply.Seen
	// taken are the steps that were taken since the last call of await; unheard is set
	// where a write has ended since then.
	taken    []plan.Step
	unheard  bool
	failures failures
	rivals   rivals
	running  sync.WaitGroup
	// slow begins what waits for the place of a write that has become a slow one.
	slow *time.Timer
}

func newWriter(client taker, s *store, p *parts, dryRun bool) *writer {
	return &writer{
		client: client, store: s, log: p.log, metrics: p.metrics, dryRun: dryRun, ended: make(chan struct{}, 1),
		queue: newQueue(defaultLimits()), failures: failures{}, rivals: rivals{},
	}
}

// observe is to be called before the store is read for a plan.
func (w *writer) observe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.observe()
	w.observed = time.Now()
}

// start begins to take the steps of the plan of p, and goes on with that until there is
// another plan.
func (w *writer) start(ctx context.Context, p *picture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures.keepPlanned(p.planned.Steps)
	now := time.Now()
	var steps []queued
	about := p.about()
	for _, step := range p.planned.Steps {
		seen := p.seen[step.Object.Object]
		waits, undone := w.rivals.waits(step, seen, w.observed, now)
		if undone {
			w.metrics.undone.WithLabelValues(step.Object.Kind).Inc()
		}
		if waits || w.failures.waits(step, seen, now) {
			continue
		}
		w.failures.try(step.Object.Object)
		steps = append(steps, queued{Step: step, change: about.change(step, seen)})
	}
	w.rivals.forget(now)
	w.seen = p.seen
	w.queue.install(ranked(steps))
	doubt(&p.planned, p.result.Tables, w.queue.unobserved)
	w.pump(ctx)
}

// pump begins what may begin. The caller has locked w.
func (w *writer) pump(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		step, ok := w.queue.begin(now)
		if !ok {
			w.pumpAt(ctx, now)
			return
		}
		seen := w.seen[step.Object.Object]
		w.running.Go(func() { w.do(ctx, step, seen) })
	}
}

// pumpAt has more begun once a write has become a slow one.
func (w *writer) pumpAt(ctx context.Context, now time.Time) {
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
		w.pump(ctx)
	})
}

// await waits until the steps of the latest plan are taken or have failed, the store
// has changed, or for a little while. It returns the steps that were taken meanwhile.
func (w *writer) await(ctx context.Context) []plan.Step {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for waiting := true; waiting && !w.idle(); {
		select {
		case <-ctx.Done():
			waiting = false
		case <-limit.C:
			waiting = false
		case <-w.store.changed:
			w.store.again()
			waiting = false
		case <-w.ended:
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.taken
	w.taken, w.unheard = nil, false
	return taken
}

func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.idle()
}

// due reports whether the end of a write that no pass has waited for is a reason to
// plan again: not while steps of the last plan are being taken, unless for long.
func (w *writer) due() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unheard && (w.queue.idle() || time.Since(w.observed) >= replanAfter)
}

// forget forgets what has failed, and what was in flight.
func (w *writer) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue, w.failures, w.rivals, w.taken, w.unheard = newQueue(w.queue.limits), failures{}, rivals{}, nil, false
}

// wait waits until no write is in flight.
func (w *writer) wait() {
	w.mu.Lock()
	w.queue.steps = nil
	w.mu.Unlock()
	w.running.Wait()
}

// flyingSince returns since when a write for a host is in flight, or has not been
// observed; zero where there is none.
func (w *writer) flyingSince(host string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.flyingSince(host)
}

// do takes one step, and begins others.
func (w *writer) do(ctx context.Context, step queued, seen *apply.Seen) {
	now, err := w.client.Do(ctx, step.Step, seen)
	w.metrics.wrote(step.Step, err)
	w.note(ctx, step, seen, now, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.end(step.Object.Object)
	w.unheard = true
	w.pump(ctx)
	select {
	case w.ended <- struct{}{}:
	default:
	}
}

// note notes what became of a step.
func (w *writer) note(ctx context.Context, step queued, seen, after *apply.Seen, err error) {
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
		w.taken = append(w.taken, step.Step)
		w.rivals.wrote(step.Step, seen, after, time.Now())
		w.failures.accepted(object, step.change.hosts(), time.Now())
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

// retry returns when a step that has failed may be taken again; zero for never.
func (w *writer) retry() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return earlier(w.failures.next(), w.rivals.next(time.Now()))
}

// retryNow has everything tried again that has failed.
func (w *writer) retryNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures.retryNow(time.Now())
	w.unheard = true
	select {
	case w.ended <- struct{}{}:
	default:
	}
}

// report tells of what was refused.
func (w *writer) report(p *picture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.refused = append(w.failures.refused(), w.rivals.refused(time.Now())...)
	for _, r := range p.refused {
		p.diags = append(p.diags, r.Diagnostic())
	}
	p.diags = diag.Sort(p.diags)
}
