package event

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
)

var cart = diag.Object{Kind: "Service", Namespace: "shop", Name: "cart"}

// TestWarnings: a Warning that begins again, or has another message, is a new Event; one
// that ends is resolved; one that comes and goes is reported less and less often.
func TestWarnings(t *testing.T) {
	t.Parallel()
	shared := func(after time.Duration, with ...string) look {
		l := look{after: after, service: managed(0, 0)}
		for _, w := range with {
			l.diags = append(l.diags, diag.New(diag.CallersWithoutSidecar, cart, "%s have no sidecar", w))
		}
		return l
	}
	const (
		warning  = "Warning CallersWithoutSidecar: "
		resolved = "Normal Resolved: no longer applies: "
		code     = " (CallersWithoutSidecar)"
	)
	tests := []struct {
		name  string
		looks []look
		want  []string
	}{
		{"once while it lasts", []look{shared(0, "a"), shared(time.Second, "a"), shared(time.Hour, "a")}, []string{warning + "a have no sidecar"}},
		{"ends, once", []look{shared(0, "a"), shared(time.Second), shared(2 * time.Second)}, []string{
			warning + "a have no sidecar", resolved + "a have no sidecar" + code,
		}},
		{"begins again", []look{shared(0, "a"), shared(time.Minute), shared(2*time.Minute, "a")}, []string{
			warning + "a have no sidecar", resolved + "a have no sidecar" + code, warning + "a have no sidecar",
		}},
		{"says something else", []look{shared(0, "a"), shared(time.Minute, "b")}, []string{warning + "a have no sidecar", warning + "b have no sidecar"}},
		{"two of a code", []look{shared(0, "a", "b"), shared(time.Minute, "b")}, []string{warning + "a have no sidecar", warning + "b have no sidecar"}},
		{"changes all the time", []look{
			shared(0, "a"), shared(time.Second, "b"), shared(4*time.Second, "c"), shared(6*time.Second, "c"),
			shared(12*time.Second, "d"), shared(16*time.Second, "d"),
		}, []string{warning + "a have no sidecar", warning + "c have no sidecar", warning + "d have no sidecar"}},
		{"what was never said is not taken back", []look{shared(0, "a"), shared(time.Second, "b"), shared(2 * time.Second)}, []string{warning + "a have no sidecar"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, said(t, test.looks)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPatience: a state that every deployment passes through is reported only if it
// lasts.
func TestPatience(t *testing.T) {
	t.Parallel()
	preview := diag.Object{Kind: "Service", Namespace: "shop", Name: "cart"}
	nameless := diag.New(diag.IsolatedNoVersion, preview, "which?")
	early := look{diags: []diag.Diagnostic{nameless}, service: managed(0, 0)}
	in := early.input(Memory{})
	out := Tell(in)
	if len(out.Events)+len(out.Begun) > 0 || len(out.Pending) != 1 || !out.RequeueAt.Equal(start.Add(30*time.Second)) {
		t.Errorf("at once: %+v", out)
	}
	later := early
	later.after = 30 * time.Second
	if out := Tell(later.input(out.Memory)); len(out.Events) != 1 || len(out.Begun) != 1 || len(out.Pending) != 0 {
		t.Errorf("when it has lasted: %+v", out)
	}
	if out := Tell((&look{after: time.Second, service: managed(0, 0)}).input(out.Memory)); len(out.Events)+len(out.Ended) > 0 {
		t.Errorf("over before it was told: %+v", out)
	}
}

// TestRefusalsRepeat: a refusal that lasts is reported again, also by a new leader.
func TestRefusalsRepeat(t *testing.T) {
	t.Parallel()
	refused := diag.New(diag.ObjectRefused, diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}, "no")
	at := func(after time.Duration) look {
		return look{after: after, service: managed(0, 0), diags: []diag.Diagnostic{refused}}
	}
	const no = "Warning ObjectRefused: no"
	got := said(t, []look{at(0), at(39 * time.Minute), at(41 * time.Minute), at(42 * time.Minute), at(82 * time.Minute)})
	if diff := cmp.Diff([]string{no, no, no}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	first := at(0)
	m := Tell(first.input(Memory{})).Memory.Forget()
	again := at(time.Minute)
	if out := Tell(again.input(m)); len(out.Events)+len(out.Begun) > 0 {
		t.Errorf("leading again: %+v", out.Events)
	}
}
