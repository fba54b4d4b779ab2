package operator

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// reconciler keeps the objects of Overrides in the cluster up to date.
type reconciler struct {
	options *Options
	store   *store
	islands *islands
	// synced reports whether the store is complete, hasMesh whether the kinds of the objects
	// of Overrides are installed.
	synced, hasMesh func() bool
	// watchesUp reports whether all watches are up.
	watchesUp func() bool

	log        *slog.Logger
	metrics    *metrics
	writer     *writer
	background *background
	policy     *policyWriter
	events     *eventReporter
	// gates is nil without readiness gates, proxySync if istiod is not asked.
	gates     *gateOpener
	proxySync *proxySync
	// entries is nil if policies of gateways are not read, grants if grants are not answered.
	entries *entries
	grants  *grants

	// missingNamespaces are the managed namespaces that are named and don't exist.
	missingNamespaces []string
	// meshMissing is set if the kinds of the objects of Overrides were not installed in the
	// last cycle.
	meshMissing bool
	// labelUse counts the Services of all islands whose pods have the version label.
	labelUse current.LabelUse
	// reconcileAll makes the next cycle look at all islands, retryStatus at those with pods
	// or policies whose status may have to be written again.
	reconcileAll, retryStatus bool
	// busy is when the running cycle began; nil if none runs. cycles counts the completed
	// ones.
	busy   atomic.Pointer[time.Time]
	cycles atomic.Int64
}

// parts are the parts of a reconciler that write or report.
type parts struct {
	client     *apply.Client
	policy     *policyWriter
	background *background
	recorder   events.EventRecorder
	metrics    *metrics
	// gates is nil without readiness gates.
	gates *gateMetrics
	// grants is nil if grants are not answered.
	grants *grantMetrics
	// proxySync is nil if istiod is not asked.
	proxySync   *proxySyncMetrics
	health      *watchHealth
	permissions *permissions
	log         *slog.Logger
}

func newReconciler(options *Options, s *store, p parts) *reconciler {
	if p.background == nil {
		p.background = newBackground()
	}
	return &reconciler{
		background: p.background, islands: newIslands(options, s), watchesUp: func() bool { return true }, options: options, store: s, log: p.log, metrics: p.metrics,
		policy: p.policy, writer: newWriter(p.client, s, &p, options.DryRun), events: newEventReporter(p.recorder, p.metrics, p.log),
	}
}

// reconcile runs one cycle for the islands that have changed or are due, and begins the
// writes that may be made now. It returns when to run the next cycle without a change.
func (r *reconciler) reconcile(ctx context.Context) time.Time {
	began := time.Now()
	if !r.synced() || !r.watchesUp() {
		// A watch that has just been started or restarted has not delivered everything, and
		// the result of a part of the cluster would be wrong.
		return began.Add(syncPoll)
	}
	r.busy.Store(&began)
	defer r.busy.Store(nil)
	ended := r.writer.observe()
	changes := r.islands.update()
	r.logMissingNamespaces()
	r.lookForMesh()
	due := r.due(changes.changed, ended, began)
	for _, p := range due {
		r.islands.look(p)
	}
	if !r.meshMissing {
		r.planAll(ctx, due, changes.gone)
	}
	for _, p := range changes.gone {
		r.labelUse.Add(p.labelUse, -1)
	}
	refused := r.writer.refused(r.islands.of)
	for _, p := range due {
		if p.refused = refused[p]; p.island == nil {
			p.refused = refused[nil]
		}
		if r.meshMissing {
			p.planned, p.requeueAt = plan.Output{}, time.Time{}
		}
		if !p.failed {
			r.report(ctx, p)
		}
	}
	for _, p := range changes.gone {
		r.policy.forget(p)
		r.gates.forget(p)
	}
	r.metrics.cycleDone(due, changes.gone, time.Since(began))
	for _, p := range due {
		r.islands.settle(p)
	}
	r.store.setClosuresKnown()
	r.cycles.Add(1)
	return earlier(r.next(), r.writer.retry())
}

// lookForMesh notes whether the kinds of the objects of Overrides are installed.
func (r *reconciler) lookForMesh() {
	missing := !r.hasMesh()
	if missing && !r.meshMissing {
		r.log.Warn("Istio's kinds are not installed, so nothing is written")
	}
	if missing != r.meshMissing {
		r.reconcileAll = true
	}
	r.meshMissing = missing
}

// due lists the islands to look at: those that have changed, those with a write that has
// ended, those whose time has come, and the state of everything that is in no island.
func (r *reconciler) due(changed []*islandState, ended []diag.Object, now time.Time) []*islandState {
	if r.reconcileAll {
		r.reconcileAll, r.retryStatus = false, false
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
	for p := range r.islands.waiting {
		if p.waits || !p.requeueAt.IsZero() && !now.Before(p.requeueAt) {
			is[p] = true
		}
	}
	for _, p := range r.proxySync.pendingIslands() {
		is[p] = true
	}
	if r.retryStatus {
		for _, p := range r.islands.states {
			if len(p.gated)+len(p.policies) > 0 {
				is[p] = true
			}
		}
	}
	r.retryStatus = false
	out := make([]*islandState, 0, len(is)+1)
	for p := range is {
		if r.islands.isLive(p) {
			out = append(out, p)
		}
	}
	return append(out, r.islands.rest)
}

// next returns when the next island is due, or the next version expires; zero for never.
func (r *reconciler) next() time.Time {
	out := r.islands.m.NextExpiry()
	for p := range r.islands.waiting {
		out = earlier(out, p.requeueAt)
	}
	return out
}

// planAll plans the changes of islands, and begins to write.
func (r *reconciler) planAll(ctx context.Context, due, gone []*islandState) {
	for _, p := range due {
		in := r.input(p)
		out, err := plan.Plan(in)
		if p.failed = err != nil; p.failed {
			r.log.Error("plan", "error", err)
			out = plan.Output{RequeueAt: in.Now.Add(time.Second), Memory: in.Memory}
		}
		p.planned, p.requeueAt = out, out.RequeueAt
		if p.awaitsClosing() {
			p.requeueAt = earlier(p.requeueAt, in.Now.Add(max(r.options.Plan.PropagationDelay, entryDebounce)))
		}
		r.islands.plans.Set(p.island, out.Memory)
	}
	r.proxySync.update(due, gone)
	r.writer.start(ctx, due, gone)
}

func (r *reconciler) input(p *islandState) plan.Input {
	in := plan.Input{
		Snapshot: p.snapshot, Result: &p.result, Observed: p.observed(), Memory: r.islands.plans.Get(p.island),
		Now: time.Now(), Options: r.options.Plan, Gate: r.gates != nil, Backend: istio.Backend{},
	}
	r.proxySync.apply(&in, r.options.PropagationDelayMax)
	return in
}

// report reports the current state of an island: in readiness gates, the status of policies,
// Events, and metrics.
func (r *reconciler) report(ctx context.Context, p *islandState) {
	p.requeueAt = earlier(p.requeueAt, r.gates.open(ctx, p, r.writer.writingSince))
	p.diags = slices.Concat(exceptFor(p.objectDiags, p.planned.Diagnostics), p.planned.Diagnostics)
	for _, refusal := range p.refused {
		p.diags = append(p.diags, refusal.Diagnostic())
	}
	if !r.meshMissing {
		r.labelUse.Add(p.labelUse, -1)
		p.findCurrent(r.options.DryRun)
		r.labelUse.Add(p.labelUse, 1)
	}
	if p.island == nil && !r.meshMissing && !r.options.DryRun {
		// The state of what is in no island comes last.
		p.diags = append(p.diags, r.labelUse.Warnings(r.options.Model.VersionLabel)...)
	}
	p.diags = diag.Sort(p.diags)
	if ctx.Err() != nil {
		return
	}
	p.requeueAt = earlier(p.requeueAt, r.policy.write(ctx, p, r.writer.writingSince))
	out := r.events.report(p, r.islands.events.Get(p.island))
	r.islands.events.Set(p.island, out.Memory)
	p.requeueAt = earlier(p.requeueAt, out.RequeueAt)
}

// exceptFor returns the diagnostics about objects that the plan has no diagnostic of the
// same code for. Those of the plan say more, since they are also about the objects in the
// cluster.
func exceptFor(diags, others []diag.Diagnostic) []diag.Diagnostic {
	if len(others) == 0 {
		return diags
	}
	return slices.DeleteFunc(slices.Clone(diags), func(d diag.Diagnostic) bool {
		return slices.ContainsFunc(others, func(o diag.Diagnostic) bool { return o.Code == d.Code && o.Object == d.Object })
	})
}

// earlier returns the earlier of two times; zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
