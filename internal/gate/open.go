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

// Reason is why a gate is open, or why people are told of it.
type Reason string

const (
	// Pinned is that proxies have the pin and the subset of the pod's version.
	Pinned Reason = "Pinned"
	// NothingToPin is that no Service keeps ordinary traffic from the pod.
	NothingToPin Reason = "NothingToPin"
	// NotPinned is that the pod has waited for long.
	NotPinned Reason = "NotPinned"
	// Removed is that nobody is left to open it later.
	Removed Reason = "OverridesRemoved"
	// ReadyUnpinned is that it has waited for longer than it was to.
	ReadyUnpinned Reason = "ReadyUnpinned"
)

// Patience is how long a pod waits before people are told.
const NotifyAfter = 10 * time.Second

// Waiting is a pod whose gate is shut, and what is known of it.
type Waiting struct {
	Pod *discover.Pod
	// Since is when whoever asks has first seen it wait.
	Since time.Time
	// Told is set where people know that it waits for long.
	Notified bool
}

// View is what decides whether gates open.
type View struct {
	Services []compile.Service
	Gated    []plan.GatedPods
	Now      time.Time
	// Timeout opens gates after a time, come what may; zero for never.
	Timeout time.Duration
}

// Verdict says what to do about a pod that waits.
type Verdict struct {
	Open bool
	// Tell is set where people are to be told, with Reason and Message, which say
	// too why the gate opens.
	Notify  bool
	Reason  Reason
	Message string
	// Again is when to ask again though nothing has changed; zero for never.
	RequeueAt time.Time
}

// Judge says whether the gate of a pod that waits is to open. All Services that
// ordinary traffic reaches it by must have let go of it.
func (v *View) Evaluate(w *Waiting) Verdict {
	early := v.early(w.Pod)
	switch {
	case early == nil && PinnedAway(v.Services, w.Pod.Namespace, w.Pod.Labels):
		return Verdict{Open: true, Reason: Pinned, Message: "ordinary traffic is pinned to released pods"}
	case early == nil:
		return Verdict{Open: true, Reason: NothingToPin, Message: "no Service keeps ordinary traffic from this pod"}
	}
	waited := v.Now.Sub(w.Since)
	if v.Timeout > 0 && waited >= v.Timeout {
		return Verdict{
			Open: true, Notify: true, Reason: ReadyUnpinned,
			Message: fmt.Sprintf("may be ready though ordinary traffic to Service %s is not known to be pinned to released pods after %v", early.Service, v.Timeout),
		}
	}
	out := Verdict{Reason: NotPinned}
	if !w.Notified && waited >= NotifyAfter {
		out.Notify = true
		out.Message = fmt.Sprintf("not ready until ordinary traffic to Service %s is pinned to released pods; see the Events of that Service", early.Service)
	}
	if !w.Notified && !out.Notify {
		out.RequeueAt = w.Since.Add(NotifyAfter)
	}
	if end := w.Since.Add(v.Timeout); v.Timeout > 0 && (out.RequeueAt.IsZero() || end.Before(out.RequeueAt)) {
		out.RequeueAt = end
	}
	return out
}

// Opened is the status of a pod that opens its gate, as server-side apply takes it.
func OpenStatus(reason Reason, message string, at time.Time) map[string]any {
	return map[string]any{"conditions": []any{map[string]any{
		"type": Condition, "status": corev1.ConditionTrue, "reason": reason, "message": message, "lastTransitionTime": metav1.NewTime(at),
	}}}
}

// early returns what pod must wait for, nil for nothing.
func (v *View) early(pod *discover.Pod) *plan.GatedPods {
	for i := range v.Gated {
		if e := &v.Gated[i]; e.Namespace == pod.Namespace && maps.Equal(e.Labels, pod.Labels.Kept) {
			return e
		}
	}
	return nil
}
