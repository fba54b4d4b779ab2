package operator

import (
	"context"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/edge"
)

// report writes the status of a policy if it differs, and returns when to try again after an
// error.
func (e *entries) report(ctx context.Context, in *entryInput, entry *edge.Entry, waiting bool) time.Time {
	policy := in.policies[entry.Policy.Object()]
	if policy == nil || e.options.DryRun || ctx.Err() != nil {
		return time.Time{}
	}
	want := e.statusOf(in, policy, entry, waiting)
	last := e.statuses[policy.UID]
	if sameEntryStatus(&policy.Status, &want) || last.written != nil && sameEntryStatus(last.written, &want) && reflect.DeepEqual(last.base, policy.Status) {
		return time.Time{}
	}
	if err := apply.Status(ctx, e.objects, entry.Policy.Object(), policy.UID, &want); err != nil {
		e.log.Error("write status", "object", entry.Policy.Object().String(), "error", err)
		return time.Now().Add(failureBackoffMax)
	}
	e.statuses[policy.UID] = entryStatus{written: &want, base: policy.Status}
	return time.Time{}
}

// entryStatus is the status of a policy that was written last, and the one that it replaced.
// The informer may not have reported it yet.
type entryStatus struct {
	written *v1alpha1.GatewayOverridePolicyStatus
	base    v1alpha1.GatewayOverridePolicyStatus
}

// sameEntryStatus reports whether two statuses are equal apart from times.
func sameEntryStatus(a, b *v1alpha1.GatewayOverridePolicyStatus) bool {
	return equalApartFromTimes(a, b, func(s *v1alpha1.GatewayOverridePolicyStatus) (all [][]metav1.Condition) {
		for i := range s.Ancestors {
			all = append(all, s.Ancestors[i].Conditions)
		}
		return all
	})
}

// statusOf returns the status of a policy. Conditions that do not change keep their times.
func (e *entries) statusOf(in *entryInput, policy *v1alpha1.GatewayOverridePolicy, entry *edge.Entry, waiting bool) v1alpha1.GatewayOverridePolicyStatus {
	out := v1alpha1.AncestorStatus{AncestorRef: policy.Spec.TargetRef, ControllerName: v1alpha1.ControllerName}
	if len(policy.Status.Ancestors) > 0 && policy.Status.Ancestors[0].AncestorRef == out.AncestorRef {
		out.Conditions = slices.Clone(policy.Status.Ancestors[0].Conditions)
	}
	accepted := metav1.Condition{Type: v1alpha1.PolicyConditionAccepted, Status: metav1.ConditionTrue, Reason: entry.Reason, ObservedGeneration: policy.Generation}
	if entry.IsAccepted() {
		programmed := e.programmed(in, entry, waiting)
		programmed.ObservedGeneration = policy.Generation
		meta.SetStatusCondition(&out.Conditions, accepted)
		meta.SetStatusCondition(&out.Conditions, programmed)
	} else {
		accepted.Status, accepted.Message = metav1.ConditionFalse, in.problem(entry)
		meta.SetStatusCondition(&out.Conditions, accepted)
		meta.RemoveStatusCondition(&out.Conditions, v1alpha1.PolicyConditionProgrammed)
	}
	return v1alpha1.GatewayOverridePolicyStatus{Ancestors: []v1alpha1.AncestorStatus{out}}
}

// programmed returns whether the objects of an accepted policy are in the cluster.
func (e *entries) programmed(in *entryInput, entry *edge.Entry, waiting bool) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.PolicyConditionProgrammed, Status: metav1.ConditionFalse}
	if out.Message = in.problem(entry); out.Message != "" {
		out.Reason = v1alpha1.PolicyReasonNotInForce
		return out
	}
	for _, o := range entry.Objects {
		if f, failed := e.failures[o.Object]; failed && f.refusal != nil {
			out.Reason, out.Message = v1alpha1.PolicyReasonInvalid, f.refusal.Error()
			return out
		}
	}
	for _, o := range entry.Objects {
		if seen := in.seen[o.Object]; seen == nil || string(seen.Managed) != string(o.JSON) {
			out.Reason, out.Message = v1alpha1.PolicyReasonPending, o.String()+" is not written yet"
			return out
		}
	}
	if waiting {
		out.Reason, out.Message = v1alpha1.PolicyReasonPending, "the next step waits until all proxies have received the previous one"
		return out
	}
	out.Status, out.Reason = metav1.ConditionTrue, v1alpha1.PolicyReasonProgrammed
	return out
}
