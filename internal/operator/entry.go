package operator

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/carry"
	"github.com/overrides-mesh/overrides/internal/closed"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// entryDebounce is how long the loop of policies waits for further changes: policies change
// rarely, and what they depend on changes in groups.
const entryDebounce = 100 * time.Millisecond

// entries keeps the objects of the policies of gateways up to date. It has a loop of its own,
// since it depends on other objects than routes do, and its writes are few and slow.
type entries struct {
	options  *Options
	store    *store
	client   stepClient
	objects  dynamic.Interface
	recorder events.EventRecorder
	log      *slog.Logger

	// started is when the term began, written is when an object was last written or deleted.
	started time.Time
	written map[diag.Object]time.Time
	// needed is when guards that policies no longer ask for were last needed.
	needed map[diag.Object]time.Time
	// received are the filters that proxies have.
	received []diag.Object
	failures failures
	statuses map[types.UID]entryStatus
	// open says why the default is not in force at a Gateway; empty if it is.
	open map[diag.Object]string
}

// newEntries returns nil if policies of gateways are not read.
func newEntries(options *Options, s *store, p *parts, objects dynamic.Interface) *entries {
	if !options.GatewayPolicies {
		return nil
	}
	return &entries{options: options, store: s, client: p.client, objects: objects, recorder: p.recorder, log: p.log}
}

// run writes after each change, and when a write had to wait, until ctx ends.
func (e *entries) run(ctx context.Context) {
	e.started, e.written, e.needed = time.Now(), map[diag.Object]time.Time{}, map[diag.Object]time.Time{}
	e.received = nil
	e.failures, e.statuses, e.open = failures{}, map[types.UID]entryStatus{}, map[diag.Object]string{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.store.entriesChanged:
			select {
			case <-ctx.Done():
				return
			case <-time.After(entryDebounce):
			}
		case <-timer.C:
		}
		if again := e.reconcile(ctx); !again.IsZero() {
			timer.Reset(max(time.Until(again), time.Millisecond))
		} else {
			timer.Reset(never)
		}
	}
}

// reconcile makes the writes that may be made now, and reports. It returns when to run again
// without a change.
func (e *entries) reconcile(ctx context.Context) time.Time {
	in := e.store.entryInput()
	if len(in.policies)+len(in.seen)+len(in.objects.Policies)+len(in.needs) == 0 && !e.options.Model.GatewayDefault.Strip {
		e.store.setFilters(nil)
		return time.Time{}
	}
	snapshot, _ := in.objects.Snapshot(e.options.Model)
	decided, err := edge.Decide(snapshot)
	if err != nil {
		e.log.Error("decide about policies of gateways", "error", err)
		return time.Now().Add(time.Minute)
	}
	w := edge.Writes{Written: e.written, Started: e.started, Now: time.Now(), Delay: e.options.Plan.PropagationDelay}
	filters, err := sidecarFilters(snapshot)
	if err != nil {
		e.log.Error("make the filters of namespaces", "error", err)
		return time.Now().Add(time.Minute)
	}
	closing, err := in.closing(&snapshot.Options)
	if err != nil {
		e.log.Error("close previews", "error", err)
		return time.Now().Add(time.Minute)
	}
	w.Wanted, w.Observed = slices.Concat(in.wanted(decided), filters, closing), in.observed()
	all := append(in.observed(), in.routes...)
	needed := append(edge.Needed(snapshot, w.Wanted, all), access.Needed(all, in.hasRows)...)
	for _, guard := range needed {
		e.needed[guard] = w.Now
	}
	w.Needed = e.needed
	steps, requeueAt := edge.Next(&w)
	requeueAt = earlier(requeueAt, e.noteFilters(&in, &w))
	if len(needed) > 0 { // the loop of routes does not say when it has written
		requeueAt = earlier(requeueAt, w.Now.Add(w.Delay))
	}
	for _, step := range steps {
		if ctx.Err() != nil {
			return time.Time{}
		}
		requeueAt = earlier(requeueAt, e.take(ctx, &in, step))
	}
	waiting := len(steps) > 0 || !requeueAt.IsZero()
	for i := range decided {
		if decided[i].Policy.Implied() {
			e.reportOpen(ctx, &in, &decided[i])
			continue
		}
		requeueAt = earlier(requeueAt, e.report(ctx, &in, &decided[i], waiting))
	}
	return requeueAt
}

// sidecarFilters makes the filters of the sidecars of namespaces.
func sidecarFilters(snapshot *model.Snapshot) ([]encoded.Object, error) {
	tokens, err := access.Make(snapshot)
	if err != nil {
		return nil, err
	}
	carried, err := carry.Make(snapshot)
	return append(tokens, carried...), err
}

// noteFilters tells the loop of routes what proxies have the filter of, and returns when they will
// have more; zero for never.
func (e *entries) noteFilters(in *entryInput, w *edge.Writes) time.Time {
	received, again := access.Received(w, e.received)
	e.received = received
	var of []diag.Object
	for _, filter := range received {
		if n := access.NamespaceOf(filter); n.Name != "" {
			of = append(of, n)
		} else if filter == model.ForwardingFilter(filter.Namespace) {
			of = append(of, filter)
		} else if p := edge.PolicyOf(in.seen[filter].Managed); p.Name != "" {
			of = append(of, p)
		}
	}
	slices.SortFunc(of, diag.Object.Compare)
	e.store.setFilters(slices.Compact(of))
	return again
}

// take takes a step, and returns when to look again; zero after a success, whose change comes
// back as one of the store.
func (e *entries) take(ctx context.Context, in *entryInput, step plan.Step) time.Time {
	object, seen := step.Object.Object, in.seen[step.Object.Object]
	now := time.Now()
	if e.failures.mustWait(step, seen, now) {
		return e.failures[object].retryAt
	}
	e.announce(in, step)
	e.store.writesClosing(step.Object, seen)
	after, err := e.client.Do(ctx, step, seen)
	log := e.log.With("action", step.Action, "object", object.String())
	switch {
	case err != nil && ctx.Err() != nil:
		return time.Time{}
	case err != nil:
		until := e.failures.add(queued{Step: step}, seen, err, now)
		log.Error("write", "error", err, "again", time.Until(until).Round(time.Millisecond).String())
		return until
	case e.options.DryRun:
		log.Info("would write")
		return e.failures.add(queued{Step: step}, seen, nil, now)
	}
	log.Info("wrote")
	delete(e.failures, object)
	e.written[object] = time.Now()
	e.store.wrote(object, seen, after)
	return time.Now().Add(time.Millisecond)
}

// announce says what writing a filter costs, before it is written.
func (e *entries) announce(in *entryInput, step plan.Step) {
	if step.Object.Kind != "EnvoyFilter" || step.Action == plan.Delete {
		return
	}
	if p := in.regarding(edge.PolicyOf(step.Object.JSON)); p != nil {
		e.recorder.Eventf(p, nil, corev1.EventTypeNormal, "WritesFilter", "Write", "%s", truncateNote(step.String()+": "+edge.Cost))
	}
}

// entryInput is what the store has about policies of gateways.
type entryInput struct {
	objects  *discover.Objects
	policies map[diag.Object]*v1alpha1.GatewayOverridePolicy
	// gateways are the Gateways of both kinds.
	gateways map[diag.Object]types.UID
	// seen are the objects of policies, routes the VirtualServices of Overrides for gateways.
	seen   map[diag.Object]*apply.Seen
	routes []plan.Observed
	// hasRows reports whether VirtualServices of Overrides have rows for the callers of a
	// namespace.
	hasRows func(namespace string) bool
	// needs are the versions to close; needsKnown is set if these are all.
	needs      []closed.Need
	needsKnown bool
	// accessPolicies are those that may be in force at the pods of needs.
	accessPolicies []model.AccessPolicy
	// foreign are objects with the names of objects of policies that somebody else applies.
	foreign map[diag.Object]bool
	// manages reports whether the operator writes in a namespace.
	manages func(namespace string) bool
}

// observed lists the objects of policies that the operator has applied. Others belong to
// whoever has applied what generate prints.
func (in *entryInput) observed() []plan.Observed {
	var out []plan.Observed
	for _, seen := range in.seen {
		out = append(out, seen.Observed)
	}
	slices.SortFunc(out, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	return out
}

// wanted returns the objects that policies ask for, in managed namespaces. A policy keeps the
// objects that it has while its gateway is not known, and while nothing checks the claim that
// its guard requires: the guard refuses everybody then, and a change of the filter would cut
// streams. One that becomes invalid keeps them, too.
func (in *entryInput) wanted(decided []edge.Entry) []encoded.Object {
	var out []encoded.Object
	for i := range decided {
		e := &decided[i]
		if in.keeps(e) {
			out = append(out, in.kept(e.Policy)...)
			continue
		}
		for _, o := range e.Objects {
			if in.manages(o.Namespace) && (!e.Policy.Implied() || !in.foreign[o.Object]) {
				out = append(out, o)
			}
		}
	}
	return out
}

// keeps reports whether a policy keeps the objects that it has.
func (in *entryInput) keeps(e *edge.Entry) bool {
	if e.Reason == v1alpha1.PolicyReasonConflicted || e.Reason == v1alpha1.PolicyReasonRefNotPermitted || !e.Closed && len(e.Objects) > 0 {
		return false
	}
	kept := in.kept(e.Policy)
	worst, _ := diag.Worst(e.Diagnostics)
	if e.Closed && worst < diag.Error {
		return slices.ContainsFunc(kept, func(o encoded.Object) bool { return edge.RefusesWithoutClaim(o.Object) })
	}
	return worst > diag.Info && len(kept) > 0
}

// kept returns the objects that were made for a policy, or for its Gateway before that had one,
// as they are.
func (in *entryInput) kept(policy *model.GatewayPolicy) []encoded.Object {
	var out []encoded.Object
	for _, seen := range in.seen {
		if of := edge.PolicyOf(seen.Managed); of == policy.Object() || of == policy.Target() {
			out = append(out, encoded.Object{Object: seen.Object, JSON: seen.Managed})
		}
	}
	return out
}

// problem says what is in the way of an entry; empty for nothing. A host that nobody serves is
// not: the routes may be somewhere that the operator does not read.
func (in *entryInput) problem(e *edge.Entry) string {
	for _, severity := range []diag.Severity{diag.Error, diag.Warning} {
		if at := slices.IndexFunc(e.Diagnostics, func(d diag.Diagnostic) bool { return d.Severity == severity && d.Code != diag.EdgeHostUnserved }); at >= 0 {
			return e.Diagnostics[at].Message
		}
	}
	for _, o := range e.Objects {
		if !in.manages(o.Namespace) {
			return fmt.Sprintf("%s is not written, since namespace %s is not managed", o.Object, o.Namespace)
		}
	}
	return ""
}
