package gate

import (
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Reason is why a gate is open, or why to notify people about it.
type Reason string

const (
	// Pinned means that proxies have the pin, and the subset of the pod's version.
	Pinned Reason = "Pinned"
	// NothingToPin means that no Service pins ordinary traffic away from the pod.
	NothingToPin Reason = "NothingToPin"
	// NotPinned means that the pod has waited for long.
	NotPinned Reason = "NotPinned"
	// Removed means that Overrides is being removed, so that nobody would open the gate later.
	Removed Reason = "OverridesRemoved"
	// ReadyUnpinned means that the timeout is over.
	ReadyUnpinned Reason = "ReadyUnpinned"
)

// NotifyAfter is how long a pod waits before people are notified.
const NotifyAfter = 10 * time.Second

// Waiting is a pod whose gate is shut.
type Waiting struct {
	Pod *discover.Pod
	// Since is when the caller first saw the pod wait.
	Since time.Time
	// Notified is set if people have been notified that it has waited for long.
	Notified bool
}

// View is everything that determines whether gates open.
type View struct {
	Services []compile.Service
	Gated    []plan.GatedPods
	Now      time.Time
	// Timeout opens gates after a time in any case; zero for never.
	Timeout time.Duration
}

// Verdict says what to do about a waiting pod.
type Verdict struct {
	Open bool
	// Notify is set if people should be notified, with Reason and Message. Both also say why
	// the gate opens.
	Notify  bool
	Reason  Reason
	Message string
	// RequeueAt is when to evaluate again even if nothing changes; zero for never.
	RequeueAt time.Time
}

// Evaluate decides whether the gate of a waiting pod opens. All Services that select the
// pod must have pinned ordinary traffic away from it.
func (v *View) Evaluate(w *Waiting) Verdict {
	gated := v.gated(w.Pod)
	switch {
	case gated == nil && PinnedAway(v.Services, w.Pod.Namespace, w.Pod.Labels):
		return Verdict{Open: true, Reason: Pinned, Message: "ordinary traffic is pinned to released pods"}
	case gated == nil:
		return Verdict{Open: true, Reason: NothingToPin, Message: "no Service pins ordinary traffic away from this pod"}
	}
	waited := v.Now.Sub(w.Since)
	if v.Timeout > 0 && waited >= v.Timeout {
		return Verdict{
			Open: true, Notify: true, Reason: ReadyUnpinned,
			Message: fmt.Sprintf("may be ready although ordinary traffic to Service %s is not known to be pinned to released pods after %v", gated.Service, v.Timeout),
		}
	}
	out := Verdict{Reason: NotPinned}
	if !w.Notified && waited >= NotifyAfter {
		out.Notify = true
		out.Message = fmt.Sprintf("not ready until ordinary traffic to Service %s is pinned to released pods; see the Events of that Service", gated.Service)
	}
	if !w.Notified && !out.Notify {
		out.RequeueAt = w.Since.Add(NotifyAfter)
	}
	if end := w.Since.Add(v.Timeout); v.Timeout > 0 && (out.RequeueAt.IsZero() || end.Before(out.RequeueAt)) {
		out.RequeueAt = end
	}
	return out
}

// OpenStatus returns the pod status that opens a gate, for server-side apply.
func OpenStatus(reason Reason, message string, at time.Time) map[string]any {
	return map[string]any{"conditions": []any{map[string]any{
		"type": Condition, "status": corev1.ConditionTrue, "reason": reason, "message": message, "lastTransitionTime": metav1.NewTime(at),
	}}}
}

// gated returns the entry that pod must wait for, nil if there is none.
func (v *View) gated(pod *discover.Pod) *plan.GatedPods {
	for i := range v.Gated {
		if g := &v.Gated[i]; g.Namespace == pod.Namespace && maps.Equal(g.Labels, pod.Labels.Kept) {
			return g
		}
	}
	return nil
}
