package gate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// TestEvaluate: a gate opens once no Service gates the pod, or after a timeout. While it
// stays shut, people are notified once.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	own := labels("app", "cart", "version", "v2")
	pinned := []compile.Service{
		{Namespace: "shop", Name: "other", Unreleased: []model.Backend{{Labels: labels("app", "other")}}},
		{Namespace: "shop", Name: "cart", Unreleased: []model.Backend{{Labels: own}}},
	}
	gated := []plan.GatedPods{{Namespace: "shop", Service: "cart", Labels: own}}
	at := now.Add
	tests := []struct {
		name   string
		view   gate.View
		told   bool
		waited time.Duration
		want   gate.Verdict
	}{
		{name: "pinned", view: gate.View{Services: pinned}, want: gate.Verdict{Open: true, Reason: gate.Pinned}},
		{name: "nothing to pin", view: gate.View{}, want: gate.Verdict{Open: true, Reason: gate.NothingToPin}},
		{
			name: "others wait", want: gate.Verdict{Open: true, Reason: gate.Pinned},
			view: gate.View{Services: pinned, Gated: []plan.GatedPods{
				{Namespace: "shop", Service: "cart", Labels: labels("app", "cart", "version", "v3")},
				{Namespace: "other", Service: "cart", Labels: own},
				{Namespace: "shop", Service: "cart", Labels: labels("app", "cart")},
			}},
		},
		{
			name: "one of two Services holds it", view: gate.View{Services: pinned, Gated: []plan.GatedPods{{Namespace: "shop", Service: "cart-too", Labels: own}}},
			want: gate.Verdict{Reason: gate.NotPinned, RequeueAt: at(gate.NotifyAfter)},
		},
		{name: "waits", view: gate.View{Services: pinned, Gated: gated}, waited: time.Second, want: gate.Verdict{Reason: gate.NotPinned, RequeueAt: at(gate.NotifyAfter)}},
		{name: "waits long", view: gate.View{Gated: gated}, waited: gate.NotifyAfter, want: gate.Verdict{Reason: gate.NotPinned, Notify: true}},
		{name: "waits long, people notified", view: gate.View{Gated: gated}, told: true, waited: time.Hour, want: gate.Verdict{Reason: gate.NotPinned}},
		{
			name: "a timeout comes first", view: gate.View{Gated: gated, Timeout: 3 * time.Second}, waited: time.Second,
			want: gate.Verdict{Reason: gate.NotPinned, RequeueAt: at(3 * time.Second)},
		},
		{
			name: "a timeout comes last", view: gate.View{Gated: gated, Timeout: time.Minute}, told: true, waited: gate.NotifyAfter,
			want: gate.Verdict{Reason: gate.NotPinned, RequeueAt: at(time.Minute)},
		},
		{
			name: "a timeout is over", view: gate.View{Gated: gated, Timeout: time.Minute}, told: true, waited: time.Minute,
			want: gate.Verdict{Open: true, Notify: true, Reason: gate.ReadyUnpinned},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := discover.TrimPod(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: labels("app", "cart", "version", "v2", "pod-template-hash", "7")}})
			test.view.Now = now.Add(test.waited)
			got := test.view.Evaluate(&gate.Waiting{Pod: pod, Since: now, Notified: test.told})
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(gate.Verdict{}, "Message")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (got.Message == "") != (!got.Open && !got.Notify) {
				t.Errorf("the message is %q", got.Message)
			}
		})
	}
}
