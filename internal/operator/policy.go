package operator

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// policyWriter writes the status of OverridePolicies.
type policyWriter struct {
	objects    dynamic.Interface
	log        *slog.Logger
	background *background
	dryRun     bool

	mu sync.Mutex
	// statuses has the state of the writes for each policy.
	statuses map[types.UID]*policyStatus
}

// policyStatus is the state of the writes of a policy's status.
type policyStatus struct {
	// island is the island of the policy.
	island *islandState
	// writing is the status that is being written; nil for none. outdated is set if another
	// status is wanted by now.
	writing  *v1alpha1.OverridePolicyStatus
	outdated bool
	// retryAt is when to try again after an error.
	retryAt time.Time
	// written is the status that was written last, and base the one that it replaced. The
	// informer may not have reported written yet.
	written, base *v1alpha1.OverridePolicyStatus
}

// write writes the status of each policy whose status differs, and returns when to look
// again. While a write for a target is in flight (see writingSince), it waits for a moment,
// in order not to report states that end at once.
func (w *policyWriter) write(ctx context.Context, p *islandState, writingSince func(host string) time.Time) time.Time {
	var requeueAt time.Time
	if w.dryRun {
		return requeueAt
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropExcept(p, p.policies)
	for _, policy := range p.policies {
		x := w.statuses[policy.UID]
		if x == nil {
			x = &policyStatus{}
			w.statuses[policy.UID] = x
		}
		x.island = p
		want := statusOf(policy, p)
		switch {
		case x.writing != nil:
			x.outdated = x.outdated || !sameStatus(x.writing, &want)
		case reflect.DeepEqual(want, policy.Status) || x.alreadyWritten(policy, &want):
		default:
			if until := later(x.retryAt, statusAfter(policy, p, writingSince)); time.Now().Before(until) {
				requeueAt = earlier(requeueAt, until)
				continue
			}
			x.writing, x.outdated = &want, false
			w.background.send(func() bool { return w.apply(ctx, policy, x, &want) })
		}
	}
	return requeueAt
}

// dropExcept drops the policies that an island no longer has. The caller has locked w.mu.
func (w *policyWriter) dropExcept(p *islandState, now []*v1alpha1.OverridePolicy) {
	for uid := range p.shown.policies {
		if x := w.statuses[uid]; x != nil && x.island == p && !slices.ContainsFunc(now, func(o *v1alpha1.OverridePolicy) bool { return o.UID == uid }) {
			delete(w.statuses, uid)
		}
	}
	p.shown.policies = make(map[types.UID]bool, len(now))
	for _, policy := range now {
		p.shown.policies[policy.UID] = true
	}
}

// forget drops the policies of an island that is gone, unless another island has them now.
func (w *policyWriter) forget(p *islandState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropExcept(p, nil)
}

// statusDelay is how long a write may be in flight before the status of a policy reports it.
const statusDelay = 2 * time.Second

// statusAfter returns until when the status of a policy must not be written.
func statusAfter(policy *v1alpha1.OverridePolicy, p *islandState, writingSince func(host string) time.Time) time.Time {
	var out time.Time
	for _, ref := range policy.Spec.TargetRefs {
		if since := writingSince(p.host(policy.Namespace, ref.Name)); !since.IsZero() {
			out = later(out, since.Add(statusDelay))
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// alreadyWritten reports whether the status was written, and the policy is still the one
// from before the write.
func (x *policyStatus) alreadyWritten(policy *v1alpha1.OverridePolicy, want *v1alpha1.OverridePolicyStatus) bool {
	return x.written != nil && sameStatus(x.written, want) && reflect.DeepEqual(*x.base, policy.Status)
}

// sameStatus reports whether two statuses are equal apart from times.
func sameStatus(a, b *v1alpha1.OverridePolicyStatus) bool {
	return equalApartFromTimes(a, b, func(s *v1alpha1.OverridePolicyStatus) (all [][]metav1.Condition) {
		for i := range s.Targets {
			all = append(all, s.Targets[i].Conditions)
		}
		return all
	})
}

// equalApartFromTimes reports whether two statuses are equal apart from the times of their
// conditions.
func equalApartFromTimes[S interface{ DeepCopy() S }](a, b S, conditions func(S) [][]metav1.Condition) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, list := range slices.Concat(conditions(a), conditions(b)) {
		for i := range list {
			list[i].LastTransitionTime = metav1.Time{}
		}
	}
	return reflect.DeepEqual(a, b)
}

// apply writes the status of a policy. It reports whether it has succeeded and no other
// status is wanted by now.
func (w *policyWriter) apply(ctx context.Context, policy *v1alpha1.OverridePolicy, x *policyStatus, want *v1alpha1.OverridePolicyStatus) bool {
	object := diag.Object{Kind: "OverridePolicy", Namespace: policy.Namespace, Name: policy.Name}
	err := apply.Status(ctx, w.objects, object, policy.UID, want)
	w.mu.Lock()
	defer w.mu.Unlock()
	x.writing = nil
	if err == nil {
		x.written, x.base = want, &policy.Status
		return !x.outdated
	}
	if ctx.Err() == nil {
		w.log.Error("write status", "object", object.String(), "error", err)
		x.retryAt = time.Now().Add(failureBackoffMax)
	}
	return false
}

// statusOf returns the status of a policy. Conditions that do not change keep their times.
func statusOf(policy *v1alpha1.OverridePolicy, p *islandState) v1alpha1.OverridePolicyStatus {
	var out v1alpha1.OverridePolicyStatus
	report := slices.IndexFunc(p.result.Policies, func(r compile.PolicyReport) bool {
		return r.Namespace == policy.Namespace && r.Name == policy.Name
	})
	for _, ref := range policy.Spec.TargetRefs {
		target := v1alpha1.TargetStatus{TargetRef: ref, Conditions: presentConditions(policy, ref)}
		accepted, programmed := conditions(policy, ref.Name, p, report)
		for _, c := range []*metav1.Condition{accepted, programmed} {
			if c != nil {
				c.ObservedGeneration = policy.Generation
				meta.SetStatusCondition(&target.Conditions, *c)
			}
		}
		if programmed == nil {
			meta.RemoveStatusCondition(&target.Conditions, v1alpha1.PolicyConditionProgrammed)
		}
		out.Targets = append(out.Targets, target)
	}
	return out
}

func presentConditions(policy *v1alpha1.OverridePolicy, ref v1alpha1.TargetReference) []metav1.Condition {
	for i := range policy.Status.Targets {
		if t := &policy.Status.Targets[i]; t.TargetRef == ref {
			return slices.Clone(t.Conditions)
		}
	}
	return nil
}

// conditions returns whether the policy is accepted for a target and, if it is, whether the
// result is in the cluster.
func conditions(policy *v1alpha1.OverridePolicy, service string, p *islandState, report int) (accepted, programmed *metav1.Condition) {
	accepted = &metav1.Condition{Type: v1alpha1.PolicyConditionAccepted, Status: metav1.ConditionFalse}
	object := diag.Object{Kind: "OverridePolicy", Namespace: policy.Namespace, Name: policy.Name}
	about := diag.Object{Kind: "Service", Namespace: policy.Namespace, Name: service}
	if report < 0 || slices.ContainsFunc(p.result.Policies[report].Targets, func(t compile.PolicyTarget) bool { return t.Reason == diag.InvalidPolicy }) {
		accepted.Reason, accepted.Message = v1alpha1.PolicyReasonInvalid, message(p, object, diag.InvalidPolicy, diag.Object{})
		return accepted, nil
	}
	for _, target := range p.result.Policies[report].Targets {
		switch {
		case target.Service != service:
		case target.Reason == diag.PolicyTargetNotFound:
			accepted.Reason, accepted.Message = v1alpha1.PolicyReasonTargetNotFound, message(p, object, target.Reason, about)
			return accepted, nil
		case target.Reason == diag.PolicyConflict:
			accepted.Reason, accepted.Message = v1alpha1.PolicyReasonConflicted, message(p, object, target.Reason, about)
			return accepted, nil
		}
	}
	accepted.Status, accepted.Reason = metav1.ConditionTrue, v1alpha1.PolicyReasonAccepted
	for i := range p.result.Services {
		if s := &p.result.Services[i]; s.Namespace == policy.Namespace && s.Name == service {
			return accepted, programmedFor(s, p)
		}
	}
	return accepted, nil
}

// message returns the message of the first diagnostic with a code about an object and its
// target. The target is zero for codes without one.
func message(p *islandState, object diag.Object, code diag.Code, target diag.Object) string {
	for i := range p.diags {
		if d := &p.diags[i]; d.Object == object && d.Code == code && d.Target == target {
			return d.Message
		}
	}
	return code.Entry().Meaning
}

// programmedFor returns whether the objects for a Service are in the cluster.
func programmedFor(s *compile.Service, p *islandState) *metav1.Condition {
	out := &metav1.Condition{Type: v1alpha1.PolicyConditionProgrammed, Status: metav1.ConditionTrue}
	is := func(status metav1.ConditionStatus, reason, text string) *metav1.Condition {
		out.Status, out.Reason, out.Message = status, reason, text
		return out
	}
	object := diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
	about := func(o diag.Object) bool { return o.Namespace == s.Namespace && p.owner(o) == s.Name }
	for _, r := range p.refused {
		if about(r.Step.Object.Object) {
			return is(metav1.ConditionFalse, v1alpha1.PolicyReasonInvalid, r.Message)
		}
	}
	if s.State == compile.Skipped && s.Reason != diag.OptedOut && s.Reason != "" {
		return is(metav1.ConditionFalse, v1alpha1.PolicyReasonInvalid, message(p, object, s.Reason, diag.Object{}))
	}
	if s.ReleasedMissing && s.State == compile.Managed {
		return is(metav1.ConditionFalse, v1alpha1.PolicyReasonInvalid, message(p, object, diag.ReleasedNotFound, diag.Object{}))
	}
	for _, h := range p.planned.Blocked {
		switch {
		case !about(h.Object):
		case h.Reason == plan.ReleasedNotReady:
			return is(metav1.ConditionFalse, v1alpha1.PolicyReasonPending, message(p, object, diag.ReleasedNotReady, diag.Object{}))
		case h.Reason == plan.SubsetNotPropagated || h.Reason == plan.UnreleasedPodsDraining:
			return is(metav1.ConditionFalse, v1alpha1.PolicyReasonPending, "the next step waits until all proxies have received the previous one")
		}
	}
	for _, step := range p.planned.Steps {
		if about(step.Object.Object) {
			return is(metav1.ConditionFalse, v1alpha1.PolicyReasonPending, step.String())
		}
	}
	if s.State != compile.Managed {
		return is(metav1.ConditionTrue, v1alpha1.PolicyReasonNothingToOverride, "")
	}
	return is(metav1.ConditionTrue, v1alpha1.PolicyReasonProgrammed, "")
}
