package operator

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// reconciler makes the cluster what it is to be.
type reconciler struct {
	options *Options
	store   *store
	islands *islands
	// synced reports whether the store is complete, hasMesh whether there is
	// anything to write to.
	synced, hasMesh func() bool
	// fresh reports whether all watches stand.
	fresh func() bool

	log     *slog.Logger
	metrics *metrics
	writer  *writer
	beside  *beside
	policy  *policyWriter
	events  *announcer
	// gates is nil where there are none, asker where istiod is not asked.
	gates *opener
	asker *asker

	// missing are the namespaces that are named and not there.
	missing []string
	// without is set where there was nothing to write to.
	without bool
	// everything has the next reconciliation look at all islands, retold at those that tell in
	// the status of other objects.
	everything, retold bool
	// busy is when the reconciliation that is under way began; nil for none. passes counts
	// those that are over.
	busy   atomic.Pointer[time.Time]
	passes atomic.Int64
}

// parts are those of a reconciler that write, or tell.
type parts struct {
	client   *apply.Client
	policy   *policyWriter
	beside   *beside
	recorder events.EventRecorder
	metrics  *metrics
	// gates is nil where there are none.
	gates *gateMetrics
	// asks is nil where istiod is not asked.
	asks   *askMetrics
	fresh  *freshness
	rights *rights
	log    *slog.Logger
}

func newReconciler(options *Options, s *store, p parts) *reconciler {
	if p.beside == nil {
		p.beside = newBeside()
	}
	return &reconciler{
		beside: p.beside, islands: newIslands(options, s), fresh: func() bool { return true }, options: options, store: s, log: p.log, metrics: p.metrics,
		policy: p.policy, writer: newWriter(p.client, s, &p, options.DryRun), events: newAnnouncer(p.recorder, p.metrics, p.log),
	}
}

// reconcile looks at the islands in which something has changed, or is due, and begins the
// writes that may be made now. It returns when to look again though nothing has changed.
func (r *reconciler) reconcile(ctx context.Context) time.Time {
	began := time.Now()
	if !r.synced() || !r.fresh() {
		// A watch that has just started, or restarted, has not delivered everything: what
		// follows from a part of the cluster would be wrong.
		return began.Add(syncPoll)
	}
	r.busy.Store(&began)
	defer r.busy.Store(nil)
	ended := r.writer.observe()
	news := r.islands.update()
	r.tellMissing()
	without := !r.hasMesh()
	if without && !r.without {
		r.log.Warn("Istio's kinds are not installed, so nothing is written")
	}
	if without != r.without {
		r.everything = true
	}
	r.without = without
	due := r.due(news.changed, ended, began)
	if !without {
		r.planAll(ctx, due, news.gone)
	}
	for _, p := range due {
		if without {
			p.planned, p.requeueAt = plan.Output{}, time.Time{}
		}
		if !p.failed {
			r.tell(ctx, p, without)
		}
	}
	for _, p := range news.gone {
		r.policy.forget(p)
		r.gates.forget(p)
	}
	r.metrics.passed(due, news.gone, time.Since(began))
	r.passes.Add(1)
	return earlier(r.next(), r.writer.retry())
}

// due lists the islands to look at: those that changed, those of writes that have ended,
// those that have asked to be looked at, and what is in no island.
func (r *reconciler) due(changed []*islandState, ended []diag.Object, now time.Time) []*islandState {
	if r.everything {
		r.everything, r.retold = false, false
		return r.islands.all()
	}
	is := map[*islandState]bool{}
	for _, p := range changed {
		is[p] = true
	}
	for _, object := range ended {
		if p := r.islands.of(object); p != nil {
			is[p] = true
		}
	}
	for _, p := range r.islands.states {
		if p.waits || !p.requeueAt.IsZero() && !now.Before(p.requeueAt) || r.retold && len(p.gated)+len(p.policies) > 0 || r.asker.waitsFor(p) {
			is[p] = true
		}
	}
	r.retold = false
	out := make([]*islandState, 0, len(is)+1)
	for p := range is {
		out = append(out, p)
	}
	return append(out, r.islands.rest)
}

// next returns when the first island is to be looked at again; zero for never.
func (r *reconciler) next() time.Time {
	out := r.islands.rest.requeueAt
	for _, p := range r.islands.states {
		out = earlier(out, p.requeueAt)
	}
	return out
}

// planAll plans for islands, and begins to write.
func (r *reconciler) planAll(ctx context.Context, due, gone []*islandState) {
	for _, p := range due {
		in := r.input(p)
		out, err := plan.Plan(in)
		if p.failed = err != nil; p.failed {
			r.log.Error("plan", "error", err)
			out = plan.Output{RequeueAt: in.Now.Add(time.Second), Memory: in.Memory}
		}
		p.planned, p.requeueAt = out, out.RequeueAt
		r.islands.remember(p, out.Memory)
	}
	r.asker.note(due, gone)
	r.writer.start(ctx, due, gone)
}

func (r *reconciler) input(p *islandState) plan.Input {
	in := plan.Input{
		Snapshot: p.snapshot, Result: &p.result, Observed: p.observed(), Memory: r.islands.remembered(p),
		Now: time.Now(), Options: r.options.Plan, Gate: r.gates != nil, Backend: istio.Backend{},
	}
	r.asker.apply(&in, r.options.PropagationDelayMax)
	return in
}

// tell tells what is so of an island now: by readiness gates, in the status of policies, by
// Events, and in metrics.
func (r *reconciler) tell(ctx context.Context, p *islandState, without bool) {
	p.diags = diag.Sort(slices.Concat(exceptFor(p.found, p.planned.Diagnostics), p.planned.Diagnostics))
	p.requeueAt = earlier(p.requeueAt, r.gates.open(ctx, p, r.writer.flyingSince))
	r.writer.report(p, r.islands.of)
	if !without {
		p.findCurrent(r.options.DryRun)
	}
	if ctx.Err() != nil {
		return
	}
	p.requeueAt = earlier(p.requeueAt, r.policy.write(ctx, p, r.writer.flyingSince))
	out := r.events.tell(p, r.islands.told(p))
	r.islands.rememberTold(p, out.Memory)
	p.requeueAt = earlier(p.requeueAt, out.Again)
}

// exceptFor returns diagnostics but for those of which others say more: what a plan says
// is about the objects in place too.
func exceptFor(diags, others []diag.Diagnostic) []diag.Diagnostic {
	if len(others) == 0 {
		return diags
	}
	return slices.DeleteFunc(slices.Clone(diags), func(d diag.Diagnostic) bool {
		return slices.ContainsFunc(others, func(o diag.Diagnostic) bool { return o.Code == d.Code && o.Object == d.Object })
	})
}

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
