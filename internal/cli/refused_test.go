package cli

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// TestRefusals: the last refusal of each object that is not in place is reported.
func TestRefusals(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	event := func(after time.Duration, reason, object, note string) eventsv1.Event {
		return eventsv1.Event{
			Regarding: corev1.ObjectReference{Kind: "Service", Namespace: "shop", Name: "cart"},
			Related:   &corev1.ObjectReference{Kind: "VirtualService", Namespace: "shop", Name: object},
			Reason:    reason, Note: note, EventTime: metav1.NewMicroTime(at.Add(after)),
		}
	}
	repeated := event(0, "FieldConflict", "cart-hosts-overrides", "somebody owns it")
	repeated.Series = &eventsv1.EventSeries{LastObservedTime: metav1.NewMicroTime(at.Add(time.Hour))}
	unrelated := event(time.Hour, "ObjectRefused", "cart-overrides", "not about an object")
	unrelated.Related = nil
	changes := []change{
		{object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}},
		{object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-hosts-overrides"}},
	}
	got := refusals([]eventsv1.Event{
		event(time.Second, "ObjectRefused", "cart-overrides", "the second"), event(0, "ObjectRefused", "cart-overrides", "the first"),
		event(0, "ObjectRefused", "pay-overrides", "in place by now"), event(time.Minute, "OrdinaryTrafficShared", "cart-overrides", "no refusal"),
		repeated, unrelated,
	}, changes)
	want := map[[2]string][]refusedObject{{"shop", "cart"}: {
		{"VirtualService", "cart-hosts-overrides", "FieldConflict", "somebody owns it", at.Add(time.Hour)},
		{"VirtualService", "cart-overrides", "ObjectRefused", "the second", at.Add(time.Second)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
