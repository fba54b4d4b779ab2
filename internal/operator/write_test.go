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

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// blockingClient takes steps; those of the objects in blocked not before the channel is
// closed.
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

// count returns how many steps of an object were begun.
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

func newTestWriter(client taker) *writer {
	options := DefaultOptions()
	return newWriter(client, newStore(&options), &parts{log: slog.New(slog.DiscardHandler), metrics: newMetrics()}, false)
}

// creates is a picture whose plan creates VirtualServices of these names.
func creates(names ...string) *picture {
	p := &picture{}
	for _, name := range names {
		p.planned.Steps = append(p.planned.Steps, createStep("VirtualService", name, name))
	}
	return p
}

// createStep creates an object that names a host.
func createStep(kind, name, host string) plan.Step {
	text := fmt.Sprintf(`{"kind":%q,"spec":{"http":[{"name":"ordinary.x","route":[{"destination":{"host":"%s.shop.svc.cluster.local"}}]}]}}`, kind, host)
	return plan.Step{Action: plan.Create, Object: istio.Object{Object: diag.Object{Kind: kind, Namespace: "shop", Name: name}, JSON: []byte(text)}}
}

func taken(steps []plan.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Object.Name)
	}
	slices.Sort(out)
	return out
}

// TestSlowWriteHoldsUpNoOther: while a write is not answered, others of the same plan
// and of later ones are made, but no second one of the same object; and its end asks
// for another plan.
func TestSlowWriteHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	client := &blockingClient{blocked: map[string]chan struct{}{"slow": slow}}
	w := newTestWriter(client)
	ctx := t.Context()
	w.start(ctx, creates("slow", "a", "b"))
	if diff := cmp.Diff([]string{"a", "b"}, taken(w.await(ctx))); diff != "" {
		t.Errorf("first plan, taken (-want +got):\n%s", diff)
	}
	w.observe()
	w.start(ctx, creates("slow", "c"))
	if diff := cmp.Diff([]string{"c"}, taken(w.await(ctx))); diff != "" {
		t.Errorf("second plan, taken (-want +got):\n%s", diff)
	}
	if n := client.count("slow"); n != 1 {
		t.Errorf("the slow write was begun %d times, want once", n)
	}
	if w.due() {
		t.Error("another plan is due though nothing has ended")
	}
	close(slow)
	w.running.Wait()
	if !w.due() {
		t.Error("no plan is due after the end of the slow write")
	}
	if diff := cmp.Diff([]string{"slow"}, taken(w.await(ctx))); diff != "" {
		t.Errorf("at last, taken (-want +got):\n%s", diff)
	}
}

// TestManySlowWrites: more slow writes than may be begun at once do not keep others
// from being made.
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
	w.start(t.Context(), creates(append(names, "a")...))
	deadline := time.Now().Add(10 * time.Second)
	for client.count("a") == 0 {
		if time.Now().After(deadline) {
			t.Fatal("a is not written")
		}
		w.await(t.Context())
	}
	close(slow)
	w.wait()
}

// TestAcceptedRetriesRefused: when something else about a refused object is accepted,
// it is tried again at once.
func TestAcceptedRetriesRefused(t *testing.T) {
	t.Parallel()
	client := &blockingClient{refuse: map[string]bool{"cart": true}}
	w := newTestWriter(client)
	p := creates("cart")
	w.start(t.Context(), p)
	w.await(t.Context())
	w.report(p)
	if len(p.refused) != 1 {
		t.Fatalf("refused: %v", p.refused)
	}
	if again := w.retry(); time.Until(again) <= 0 {
		t.Errorf("is tried again at %v, want later", again)
	}
	both := creates("cart")
	both.planned.Steps = append(both.planned.Steps, createStep("DestinationRule", "cart-rule", "cart"))
	w.observe()
	w.start(t.Context(), both)
	if diff := cmp.Diff([]string{"cart-rule"}, taken(w.await(t.Context()))); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	if n := client.count("cart"); n != 1 {
		t.Errorf("what was refused was tried %d times, want once", n)
	}
	client.mu.Lock()
	client.refuse = nil
	client.mu.Unlock()
	w.observe()
	w.start(t.Context(), p)
	if diff := cmp.Diff([]string{"cart"}, taken(w.await(t.Context()))); diff != "" {
		t.Errorf("after something about it was accepted, taken (-want +got):\n%s", diff)
	}
}

// TestRefusedStepsWait: what was refused is not asked for again soon, and less and
// less often; another step, or the same on another state of the object, at once.
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
	waits := func(s plan.Step, on *apply.Seen) bool { return fs.waits(s, on, now) }
	if waits(step("1"), seen("x", "1")) {
		t.Error("a step waits that did not fail")
	}
	refusal := &apply.Refusal{Step: step("1"), Code: diag.ObjectRefused}
	for n := range 12 {
		after := add("1", refusal)
		if want := min(refusedFirst<<n, refusedLast); after != want {
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
		"the first of another step": add("2", refusal) <= refusedFirst,
		"what is not about it":      add("3", errors.New("busy")) <= failedFirst,
	} {
		if !got {
			t.Errorf("%s: not as it should be", what)
		}
	}
	if got := fs.refused(); len(got) != 0 {
		t.Errorf("told of %v, which is not refused any more", got)
	}
	add("1", refusal)
	if got := fs.refused(); len(got) != 1 {
		t.Errorf("told of %v, want the refusal", got)
	}
	fs.keepPlanned(nil)
	if len(fs) != 0 {
		t.Error("remembers a step that nobody plans")
	}
}
