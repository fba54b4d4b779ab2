package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// blockingClient takes steps. Those of the objects in blocked do not end before the channel
// is closed.
type blockingClient struct {
	blocked map[string]chan struct{}

	mu     sync.Mutex
	begun  []string
	refuse map[string]bool
}

func (c *blockingClient) Do(ctx context.Context, step plan.Step, _ *apply.Seen) (*apply.Seen, error) {
	name := step.Object.Name
	c.mu.Lock()
	c.begun = append(c.begun, name)
	refused := c.refuse[name]
	c.mu.Unlock()
	if ch := c.blocked[name]; ch != nil {
		select {
		case <-ch:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if refused {
		return nil, &apply.Refusal{Step: step, Code: diag.ObjectRefused, Message: "no"}
	}
	out := &apply.Seen{UID: "x", ResourceVersion: "2"}
	out.Object = step.Object.Object
	return out, nil
}

// count returns how many steps of an object have begun.
func (c *blockingClient) count(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, begun := range c.begun {
		if begun == name {
			n++
		}
	}
	return n
}

func newTestWriter(client stepClient) *writer {
	options := DefaultOptions()
	return newWriter(client, newStore(&options), &parts{log: slog.New(slog.DiscardHandler), metrics: newMetrics()}, false)
}

// creates is an island whose plan creates VirtualServices of these names.
func creates(names ...string) *islandState {
	p := &islandState{}
	p.plans(names...)
	return p
}

// plans gives p a plan that creates VirtualServices of these names.
func (p *islandState) plans(names ...string) {
	p.planned.Steps = nil
	for _, name := range names {
		p.planned.Steps = append(p.planned.Steps, createStep("VirtualService", name, name))
	}
}

// createStep creates an object that names a host.
func createStep(kind, name, host string) plan.Step {
	text := fmt.Sprintf(`{"kind":%q,"spec":{"http":[{"name":"ordinary.x","route":[{"destination":{"host":"%s.shop.svc.cluster.local"}}]}]}}`, kind, host)
	return plan.Step{Action: plan.Create, Object: istio.Object{Object: diag.Object{Kind: kind, Namespace: "shop", Name: name}, JSON: []byte(text)}}
}

// waitOver waits until the writes of the named objects have ended, and returns the other
// objects whose writes have.
func waitOver(t *testing.T, w *writer, names ...string) (others []string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		w.mu.Lock()
		for _, object := range w.finished {
			if at := slices.Index(names, object.Name); at >= 0 {
				names = slices.Delete(slices.Clone(names), at, at+1)
			} else {
				others = append(others, object.Name)
			}
		}
		w.finished = nil
		w.mu.Unlock()
		if len(names) == 0 {
			return others
		}
		select {
		case <-w.ended:
		case <-deadline:
			t.Fatalf("writes of %v have not ended", names)
		}
	}
}

// TestSlowWriteHoldsUpNoOther: while a write is not answered, others of the same plan and of
// later ones are made, but no second one of the same object. Its end requests another plan.
func TestSlowWriteHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	client := &blockingClient{blocked: map[string]chan struct{}{"slow": slow}}
	w := newTestWriter(client)
	ctx := t.Context()
	p := creates("slow", "a", "b")
	w.start(ctx, []*islandState{p}, nil)
	waitOver(t, w, "a", "b")
	w.observe()
	p.plans("slow", "c")
	other := creates("d")
	w.start(ctx, []*islandState{p, other}, nil)
	if others := waitOver(t, w, "c", "d"); len(others) > 0 {
		t.Errorf("%v is over", others)
	}
	if n := client.count("slow"); n != 1 {
		t.Errorf("the slow write was begun %d times, want once", n)
	}
	if over := w.observe(); len(over) > 0 {
		t.Errorf("%v is over", over)
	}
	close(slow)
	waitOver(t, w, "slow")
}

// TestManySlowWrites: more slow writes than may begin at once do not block others.
func TestManySlowWrites(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	client := &blockingClient{blocked: map[string]chan struct{}{}}
	var names []string
	for i := range defaultLimits().fast {
		name := fmt.Sprintf("slow-%d", i)
		client.blocked[name] = slow
		names = append(names, name)
	}
	w := newTestWriter(client)
	w.queue.slowAfter = 10 * time.Millisecond
	w.start(t.Context(), []*islandState{creates(append(names, "a")...)}, nil)
	waitOver(t, w, "a")
	close(slow)
	w.wait()
}

// TestAcceptedRetriesRefused: a refused object is retried at once when another object with a
// common host is accepted.
func TestAcceptedRetriesRefused(t *testing.T) {
	t.Parallel()
	client := &blockingClient{refuse: map[string]bool{"cart": true}}
	w := newTestWriter(client)
	p := creates("cart")
	of := func(diag.Object) *islandState { return p }
	w.start(t.Context(), []*islandState{p}, nil)
	waitOver(t, w, "cart")
	refused := w.refused(of)
	if len(refused[p]) != 1 {
		t.Fatalf("refused: %v", refused[p])
	}
	if len(refused) != 1 {
		t.Errorf("refused in another island: %v", refused)
	}
	if again := w.retry(); time.Until(again) <= 0 {
		t.Errorf("retried at %v, want later", again)
	}
	p.planned.Steps = append(p.planned.Steps, createStep("DestinationRule", "cart-rule", "cart"))
	w.observe()
	w.start(t.Context(), []*islandState{p}, nil)
	if !p.waits {
		t.Error("no step waits for a retry")
	}
	// The refused object is among those to retry.
	waitOver(t, w, "cart-rule", "cart")
	if n := client.count("cart"); n != 1 {
		t.Errorf("the refused step was tried %d times, want once", n)
	}
	client.mu.Lock()
	client.refuse = nil
	client.mu.Unlock()
	w.observe()
	p.plans("cart")
	w.start(t.Context(), []*islandState{p}, nil)
	waitOver(t, w, "cart")
	if n := client.count("cart"); n != 2 || p.waits {
		t.Errorf("after another object was accepted it was tried %d times, want twice", n)
	}
}

// TestRefusedStepsWait: a refused step is retried less and less often. Another step, or the
// same one on another state of the object, does not wait.
func TestRefusedStepsWait(t *testing.T) {
	t.Parallel()
	fs, now := failures{}, time.Now()
	step := func(content string) plan.Step {
		return plan.Step{Action: plan.Update, Object: istio.Object{Object: name, JSON: []byte(content)}}
	}
	add := func(content string, err error) time.Duration {
		s := step(content)
		return fs.add(queued{Step: s, change: newChange(nil, s.Object.JSON)}, seen("x", "1"), err, now).Sub(now)
	}
	waits := func(s plan.Step, on *apply.Seen) bool { return fs.mustWait(s, on, now) }
	if waits(step("1"), seen("x", "1")) {
		t.Error("a step that did not fail waits")
	}
	refusal := &apply.Refusal{Step: step("1"), Code: diag.ObjectRefused}
	for n := range 12 {
		after := add("1", refusal)
		if want := min(refusalBackoff<<n, refusalBackoffMax); after != want {
			t.Errorf("refusal %d: waits %v, want %v", n+1, after, want)
		}
	}
	for what, got := range map[string]bool{
		"the same":                  waits(step("1"), seen("x", "1")),
		"another content":           !waits(step("2"), seen("x", "1")),
		"another state":             !waits(step("1"), seen("x", "2")),
		"another object":            !waits(step("1"), seen("y", "1")),
		"a deletion":                !waits(plan.Step{Action: plan.Delete, Object: step("1").Object}, seen("x", "1")),
		"the object is not there":   !waits(step("1"), nil),
		"the first of another step": add("2", refusal) <= refusalBackoff,
		"what is not about it":      add("3", errors.New("busy")) <= failureBackoff,
	} {
		if !got {
			t.Errorf("%s: waits or backs off wrongly", what)
		}
	}
	if got := fs.refused(); len(got) != 0 {
		t.Errorf("got %v, which is no longer refused", got)
	}
	add("1", refusal)
	if got := fs.refused(); len(got) != 1 {
		t.Errorf("got %v, want the refusal", got)
	}
	fs.dropUnplanned([]*islandState{{}}, nil)
	if len(fs) != 1 {
		t.Error("drops a failure of an island without a new plan")
	}
	of := &islandState{}
	for object, f := range fs {
		f.island = of
		fs[object] = f
	}
	fs.dropUnplanned([]*islandState{of}, nil)
	if len(fs) != 0 {
		t.Error("keeps a failure of a step that is no longer planned")
	}
}
