package operator

import (
	"errors"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// TestRefusedStepsWait: what was refused is not asked for again soon, and less and
// less often; another step, or the same on another state of the object, at once.
func TestRefusedStepsWait(t *testing.T) {
	t.Parallel()
	w := &writer{failed: map[diag.Object]failure{}}
	step := func(content string) plan.Step {
		return plan.Step{Action: plan.Update, Object: istio.Object{Object: name, JSON: []byte(content)}}
	}
	waits := func(s plan.Step, on *apply.Seen) bool {
		_, yes := w.waits(s, on)
		return yes
	}
	if waits(step("a"), seen("x", "1")) {
		t.Error("a step waits that did not fail")
	}
	refusal := &apply.Refusal{Step: step("a"), Code: diag.ObjectRefused}
	var before time.Duration
	for n := range 12 {
		after := time.Until(w.fail(step("a"), seen("x", "1"), refusal)).Round(time.Second)
		if want := min(refusedFirst<<n, refusedLast); after != want || (after < before) {
			t.Errorf("refusal %d: waits %v, want %v", n+1, after, want)
		}
		before = after
	}
	for what, got := range map[string]bool{
		"the same":                  waits(step("a"), seen("x", "1")),
		"another content":           !waits(step("b"), seen("x", "1")),
		"another state":             !waits(step("a"), seen("x", "2")),
		"another object":            !waits(step("a"), seen("y", "1")),
		"a deletion":                !waits(plan.Step{Action: plan.Delete, Object: step("a").Object}, seen("x", "1")),
		"the object is not there":   !waits(step("a"), nil),
		"the first of another step": time.Until(w.fail(step("b"), seen("x", "1"), refusal)) <= refusedFirst,
		"what is not about it":      time.Until(w.fail(step("c"), seen("x", "1"), errors.New("busy"))) <= failedFirst,
	} {
		if !got {
			t.Errorf("%s: not as it should be", what)
		}
	}
	p := &picture{}
	w.report(p)
	if len(p.refused) != 0 {
		t.Errorf("told of %v, which is not refused any more", p.refused)
	}
	w.fail(step("a"), seen("x", "1"), refusal)
	w.report(p)
	if len(p.refused) != 1 || len(p.diags) != 1 {
		t.Errorf("told of %v, %v, want the refusal", p.refused, p.diags)
	}
	w.forget(&picture{})
	if len(w.failed) != 0 {
		t.Error("remembers a step that nobody plans")
	}
}
