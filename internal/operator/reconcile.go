package operator

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// reconciler makes the cluster what it is to be.
type reconciler struct {
	options *Options
	store   *store
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

	memory plan.Memory
	// missing are the namespaces that are named and not there.
	missing []string
	// without is set where there was nothing to write to.
	without bool
	// looked is how long the last look took, without what was done about it.
	looked time.Duration
	// busy is when the pass that is under way began; nil for none. passes counts those
	// that are over.
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
		beside: p.beside,
		fresh:  func() bool { return true }, options: options, store: s, log: p.log, metrics: p.metrics, policy: p.policy,
		writer: newWriter(p.client, s, &p, options.DryRun),
		events: newAnnouncer(p.recorder, p.metrics, p.log),
	}
}

// picture is what one pass works on and finds out.
type picture struct {
	contents

	snapshot *model.Snapshot
	result   compile.Result
	planned  plan.Output
	// refused are the objects that the API server would not take.
	refused []*apply.Refusal
	// diags are those of all steps.
	diags []diag.Diagnostic
	// before are the objects of ours before this pass has changed any, in the first pass.
	before []plan.Observed
	// observedLast is what [picture.inPlace] has listed; nil until it is asked.
	observedLast []plan.Observed
	// now is what is so of each Service.
	now []current.Service
	// owners are those of our objects that are wanted; nil until one is asked for.
	owners map[diag.Object]string
}

// pass looks at the cluster once, and writes what may be written now. It returns
// when to look again though nothing has changed.
func (r *reconciler) pass(ctx context.Context) time.Time {
	began := time.Now()
	if !r.synced() || !r.fresh() {
		// A kind that has just come, or comes back: half of what there is would be
		// misunderstood.
		return began.Add(syncPoll)
	}
	r.busy.Store(&began)
	defer r.busy.Store(nil)
	p := r.look()
	if r.events.memory.Starts() {
		p.before = p.observed()
	}
	r.tellMissing(p.objects.Namespaces)
	r.looked = time.Since(began)
	var again time.Time
	var err error
	without := !r.hasMesh()
	switch {
	case !without:
		again, err = r.act(ctx, p)
	case !r.without:
		r.log.Warn("Istio's kinds are not installed, so nothing is written")
	}
	r.without = without
	if err != nil {
		r.log.Error("plan", "error", err)
		again = began.Add(time.Second)
	} else {
		again = earlier(again, r.gates.open(ctx, p, r.writer.flyingSince))
	}
	r.writer.report(p)
	if !without && err == nil {
		p.findCurrent(r.options.DryRun)
	}
	if ctx.Err() == nil {
		again = earlier(again, r.policy.write(ctx, p, r.writer.flyingSince))
		if err == nil {
			again = earlier(again, r.events.tell(p))
		}
	}
	r.metrics.passed(p, time.Since(began))
	r.passes.Add(1)
	return again
}

// look compiles what the store holds.
func (r *reconciler) look() *picture {
	r.writer.observe()
	p := &picture{contents: r.store.take()}
	var found []diag.Diagnostic
	p.snapshot, found = p.objects.Snapshot(r.options.Model)
	found = append(found, r.options.unreadRevisions(p.snapshot)...)
	p.result, _ = prove.Made(p.snapshot, func(refused compile.Rejected) compile.Result {
		result := compile.Without(p.snapshot, refused)
		// What is not written is not proved with the rest.
		result.Tables = slices.DeleteFunc(result.Tables, func(t route.Table) bool { return !p.managed(t.Namespace) })
		result.SubsetRules = slices.DeleteFunc(result.SubsetRules, func(s route.SubsetRule) bool { return !p.managed(s.Namespace) })
		return result
	})
	p.diags = slices.Concat(p.diags, found, p.result.Diagnostics)
	return p
}

// rounds bounds the plans of one pass. Each one but the last has written something.
const rounds = 4

// act plans and writes, until there is nothing that may be written now, or what is
// being written takes longer than a pass waits.
func (r *reconciler) act(ctx context.Context, p *picture) (time.Time, error) {
	var again time.Time
	for range rounds {
		in := plan.Input{
			Snapshot: p.snapshot, Result: &p.result, Observed: p.observed(), Memory: r.memory,
			Now: time.Now(), Options: r.options.Plan, Gate: r.gates != nil, Backend: istio.Backend{},
		}
		r.asker.apply(&in, r.options.PropagationDelayMax)
		out, err := plan.Plan(in)
		if err != nil {
			return time.Time{}, err
		}
		r.asker.note(&out)
		r.memory, p.planned = out.Memory, out
		r.writer.start(ctx, p)
		taken := r.writer.await(ctx)
		again = earlier(out.RequeueAt, r.writer.retry())
		if len(taken) == 0 || ctx.Err() != nil {
			break
		}
		r.writer.observe()
		p.seen = r.store.seen()
		if r.store.news() {
			// The next look is due, and its plan goes on from here.
			p.took(taken)
			break
		}
		again = in.Now // where this was the last round
	}
	p.diags = diag.Sort(slices.Concat(without(p.diags, p.planned.Diagnostics), p.planned.Diagnostics))
	return again, nil //nolint:nilerr // that ctx has ended is no fault
}

// without returns diagnostics but for those of which others say more: what a plan says
// is about the objects in place too.
func without(diags, others []diag.Diagnostic) []diag.Diagnostic {
	if len(others) == 0 {
		return diags
	}
	return slices.DeleteFunc(slices.Clone(diags), func(d diag.Diagnostic) bool {
		return slices.ContainsFunc(others, func(o diag.Diagnostic) bool { return o.Code == d.Code && o.Object == d.Object })
	})
}

// took brings the plan of p up to date with steps that were taken.
func (p *picture) took(steps []plan.Step) {
	taken := make(map[diag.Object]bool, len(steps))
	for _, s := range steps {
		taken[s.Object.Object] = true
	}
	p.planned.Steps = slices.DeleteFunc(slices.Clone(p.planned.Steps), func(s plan.Step) bool { return taken[s.Object.Object] })
	for i := range p.result.Tables {
		t := &p.result.Tables[i]
		object := istio.TableObject(t)
		seen := p.seen[object]
		if !taken[object] || seen == nil || seen.Routes == nil {
			continue
		}
		for j := range t.Routes {
			r := &t.Routes[j]
			if _, known := p.planned.Routed[r.Version]; !known && r.Kind == route.Override && seen.Routes.HasOverride(r.Name) {
				p.planned.Routed[r.Version] = plan.Routed{Since: time.Now()}
			}
		}
	}
}

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
