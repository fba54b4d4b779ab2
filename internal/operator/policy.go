package operator

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
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

// policyWriter keeps the status of OverridePolicies.
type policyWriter struct {
	objects dynamic.Interface
	log     *slog.Logger
	dryRun  bool
	// failed says until when a policy's status is not tried again.
	failed map[types.UID]time.Time
}

// write writes the status of each policy of which it differs, and returns when to
// try again what failed.
func (w *policyWriter) write(ctx context.Context, p *picture) time.Time {
	var again time.Time
	if w.dryRun {
		return again
	}
	for _, policy := range p.objects.Policies {
		want := statusOf(policy, p)
		if reflect.DeepEqual(want, policy.Status) {
			continue
		}
		if until := w.failed[policy.UID]; time.Now().Before(until) {
			again = earlier(again, until)
			continue
		}
		delete(w.failed, policy.UID)
		object := diag.Object{Kind: "OverridePolicy", Namespace: policy.Namespace, Name: policy.Name}
		if err := apply.Status(ctx, w.objects, object, policy.UID, &want); err != nil && ctx.Err() == nil {
			w.log.Error("write status", "object", object.String(), "error", err)
			w.failed[policy.UID] = time.Now().Add(failedLast)
			again = earlier(again, w.failed[policy.UID])
		}
	}
	return again
}

// statusOf says what became of a policy. Where nothing is new, times stay as they
// are in its present status.
func statusOf(policy *v1alpha1.OverridePolicy, p *picture) v1alpha1.OverridePolicyStatus {
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

// conditions says for one target whether the policy applies, and if it does,
// whether what follows from it is in the cluster.
func conditions(policy *v1alpha1.OverridePolicy, service string, p *picture, report int) (accepted, programmed *metav1.Condition) {
	accepted = &metav1.Condition{Type: v1alpha1.PolicyConditionAccepted, Status: metav1.ConditionFalse}
	object := diag.Object{Kind: "OverridePolicy", Namespace: policy.Namespace, Name: policy.Name}
	about := diag.Object{Kind: "Service", Namespace: policy.Namespace, Name: service}
	if report < 0 {
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

// message is that of the first diagnostic of a code about an object and its target,
// which is zero for codes without one.
func message(p *picture, object diag.Object, code diag.Code, target diag.Object) string {
	for i := range p.diags {
		if d := &p.diags[i]; d.Object == object && d.Code == code && d.Target == target {
			return d.Message
		}
	}
	return code.Entry().Meaning
}

// programmedFor says whether what follows for a Service is in the cluster.
func programmedFor(s *compile.Service, p *picture) *metav1.Condition {
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
	if s.State == compile.LeftAlone && s.Reason != diag.OptedOut && s.Reason != "" {
		return is(metav1.ConditionFalse, v1alpha1.PolicyReasonInvalid, message(p, object, s.Reason, diag.Object{}))
	}
	for _, h := range p.planned.Held {
		if about(h.Object) && (h.Reason == plan.NotPlaced || h.Reason == plan.StillPinned) {
			return is(metav1.ConditionFalse, v1alpha1.PolicyReasonPending, "proxies are given time to have what the next step relies on")
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
