package grant

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

// refusal says why a grant is not accepted.
type refusal struct{ reason, message string }

// maxMessage is the maximum length of the message of a condition.
const maxMessage = 32768

// status returns the status of a grant whose token has not changed; refused is nil for an
// accepted one. A grant that is not accepted has no token.
func status(g *v1alpha1.OverrideGrant, a *asked, refused *refusal, now time.Time) v1alpha1.OverrideGrantStatus {
	out := *g.Status.DeepCopy()
	ends := metav1.NewTime(a.ends)
	out.ID, out.Overrides, out.Subject, out.Ends = a.request.ID, a.overrides, a.request.Subject, &ends
	accepted := metav1.Condition{Type: v1alpha1.PolicyConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.PolicyReasonAccepted}
	if refused != nil {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, refused.reason, refused.message
		out.SecretName, out.KeyID, out.TokenExpires = "", "", nil
		if refused.reason == v1alpha1.PolicyReasonInvalid {
			out.Overrides, out.Subject = "", "" // they may be longer than a status may have
		}
		meta.RemoveStatusCondition(&out.Conditions, v1alpha1.PolicyConditionProgrammed)
	}
	set(&out, g, accepted, now)
	return out
}

// Programmed returns the status of an accepted grant whose token is in its Secret; with a
// problem, the one of a grant whose token could not be written.
func (d *Decision) Programmed(problem string, now time.Time) v1alpha1.OverrideGrantStatus {
	out := *d.Status.DeepCopy()
	c := metav1.Condition{Type: v1alpha1.PolicyConditionProgrammed, Status: metav1.ConditionTrue, Reason: v1alpha1.PolicyReasonProgrammed}
	if problem != "" {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.PolicyReasonPending, problem
	} else if d.Mint != nil {
		expires := metav1.NewTime(d.Expires)
		out.SecretName, out.KeyID, out.TokenExpires = d.Secret, d.Key.ID(), &expires
	}
	set(&out, d.Grant, c, now)
	return out
}

// set sets a condition. It keeps the time of one whose status stays.
func set(s *v1alpha1.OverrideGrantStatus, g *v1alpha1.OverrideGrant, c metav1.Condition, now time.Time) {
	c.ObservedGeneration, c.LastTransitionTime = g.Generation, metav1.NewTime(now)
	if len(c.Message) > maxMessage {
		c.Message = c.Message[:maxMessage-3] + "..."
	}
	meta.SetStatusCondition(&s.Conditions, c)
}
