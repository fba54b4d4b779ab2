package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// queuedStep parses "vs shop/cart-overrides of cart, pay": a write of a VirtualService
// ("vs") or DestinationRule ("dr") that names hosts.
func queuedStep(t *testing.T, text string) queued {
	t.Helper()
	head, hosts, _ := strings.Cut(text, " of ")
	short, name, _ := strings.Cut(head, " ")
	namespace, name, _ := strings.Cut(name, "/")
	kind := map[string]string{"vs": "VirtualService", "dr": "DestinationRule"}[short]
	if kind == "" {
		t.Fatalf("%q: no kind", text)
	}
	var named []string
	for host := range strings.SplitSeq(hosts, ", ") {
		named = append(named, fmt.Sprintf(`{"host":%q}`, host))
	}
	json := `{"spec":{"x":[` + strings.Join(named, ",") + `]}}`
	step := plan.Step{Action: plan.Update, Object: istio.Object{Object: diag.Object{Kind: kind, Namespace: namespace, Name: name}, JSON: []byte(json)}}
	c := newChange(nil, step.Object.JSON)
	c.hostSuffix = ".shop.svc.cluster.local"
	return queued{Step: step, change: c}
}

// TestQueueBegin: which steps begin while writes of an earlier plan are in flight, or ended
// but not observed.
func TestQueueBegin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		flying, planned []string
		want            string
		over            bool
	}{
		{"nothing in flight", nil, []string{"vs shop/cart of cart", "dr shop/cart of cart"}, "cart cart", false},
		{"the same object", []string{"vs shop/cart of cart"}, []string{"vs shop/cart of cart", "vs shop/pay of pay"}, "pay", false},
		{"the subsets of a route in flight", []string{"vs shop/cart of cart"}, []string{"dr shop/cart of cart", "dr shop/pay of pay"}, "pay", false},
		{"routes to a subset in flight", []string{"dr shop/cart of cart"}, []string{"vs shop/front of cart, pay", "vs shop/pay of pay"}, "pay", false},
		{"a host's short name", []string{"dr shop/cart of cart.shop.svc.cluster.local"}, []string{"vs shop/front of cart"}, "", false},
		{"other routes to the same host", []string{"vs shop/front of cart"}, []string{"vs shop/cart of cart"}, "cart", false},
		{"over, and not observed", []string{"dr shop/cart of cart"}, []string{"vs shop/cart of cart"}, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q, now, of := newQueue(defaultLimits()), time.Now(), &islandState{}
			install := func(texts []string) {
				var steps []queued
				for _, text := range texts {
					steps = append(steps, queuedStep(t, text))
				}
				q.drop(map[*islandState]bool{of: true})
				q.install(of, steps)
			}
			begin := func() (names []string) {
				for {
					s, ok := q.begin(now)
					if !ok {
						return names
					}
					names = append(names, s.Object.Name)
				}
			}
			install(test.flying)
			begun := begin()
			if len(begun) != len(test.flying) {
				t.Fatalf("began %v", begun)
			}
			q.observe()
			for _, text := range test.flying {
				if test.over {
					q.end(queuedStep(t, text).Object.Object)
				}
			}
			install(test.planned)
			if got := strings.Join(begin(), " "); got != test.want {
				t.Errorf("began %q, want %q", got, test.want)
			}
			for _, text := range test.flying {
				q.end(queuedStep(t, text).Object.Object)
			}
			q.observe()
			install(test.planned)
			for _, text := range test.planned {
				q.end(queuedStep(t, text).Object.Object)
			}
			q.observe()
			install(test.planned)
			if got := begin(); len(got) != len(test.planned) {
				t.Errorf("after everything was observed, began %v, want all", got)
			}
		})
	}
}

// TestQueueIslands: a new plan of an island keeps the steps of others.
func TestQueueIslands(t *testing.T) {
	t.Parallel()
	q, now := newQueue(defaultLimits()), time.Now()
	shop, pay := &islandState{}, &islandState{}
	q.install(shop, []queued{queuedStep(t, "vs shop/cart of cart"), queuedStep(t, "dr shop/cart of cart")})
	q.install(pay, []queued{queuedStep(t, "vs shop/pay of pay"), queuedStep(t, "dr shop/pay of pay")})
	q.begin(now)
	q.observe()
	q.drop(map[*islandState]bool{pay: true})
	q.install(pay, []queued{queuedStep(t, "vs shop/pay of pay")})
	var got []string
	for s, ok := q.begin(now); ok; s, ok = q.begin(now) {
		got = append(got, s.Object.String())
	}
	// The second step of shop belongs to the same plan as the first, which is in flight.
	if want := "DestinationRule shop/cart, VirtualService shop/pay"; strings.Join(got, ", ") != want {
		t.Errorf("began %v, want %s", got, want)
	}
}

// TestQueueDropsStaleSteps: a step that waits for a write of an earlier plan was planned
// without its effect, and does not begin once the effect is observed.
func TestQueueDropsStaleSteps(t *testing.T) {
	t.Parallel()
	q, now, of := newQueue(defaultLimits()), time.Now(), &islandState{}
	first, other := queuedStep(t, "vs shop/cart of cart"), queuedStep(t, "vs shop/pay of pay")
	q.install(of, []queued{first})
	if _, ok := q.begin(now); !ok {
		t.Fatal("nothing began")
	}
	q.drop(map[*islandState]bool{of: true})
	q.install(of, []queued{first, other})
	q.end(first.Object.Object)
	q.observe()
	if got, ok := q.begin(now); !ok || got.Object.Name != "pay" {
		t.Fatalf("began %v, want pay", got.Step)
	}
	if got, ok := q.begin(now); ok {
		t.Errorf("began %v, which is stale", got.Step)
	}
}

// TestQueueLimits: few fast writes begin at once; slow ones don't count, until there are too
// many of them, overall or in one namespace.
func TestQueueLimits(t *testing.T) {
	t.Parallel()
	q, now := newQueue(limits{fast: 2, slowAfter: time.Second, all: 6, namespace: 4}), time.Now()
	var steps []queued
	for i := range 9 {
		steps = append(steps, queuedStep(t, fmt.Sprintf("vs shop/s%d of s%d", i, i)))
	}
	steps = append(steps, queuedStep(t, "vs bank/b of b"))
	q.install(&islandState{}, steps)
	begins := func(want string) {
		t.Helper()
		var got []string
		for {
			s, ok := q.begin(now)
			if !ok {
				break
			}
			got = append(got, s.Object.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("began %q, want %q", got, want)
		}
	}
	begins("s0 s1")
	begins("")
	if at := q.slowAt(now); !at.Equal(now.Add(time.Second)) {
		t.Errorf("another write may begin at %v", at)
	}
	now = now.Add(2 * time.Second)
	begins("s2 s3")
	now = now.Add(2 * time.Second)
	begins("b") // four of shop are in flight
	q.end(queuedStep(t, "vs shop/s0").Object.Object)
	begins("s4")
	now = now.Add(2 * time.Second)
	q.end(queuedStep(t, "vs shop/s1").Object.Object)
	begins("s5")
}

// TestPrioritized: changes of a user's routes are written first, and deletions last.
func TestPrioritized(t *testing.T) {
	t.Parallel()
	step := func(action plan.Action, kind, name, adopted, before, after string) queued {
		s := queued{Step: plan.Step{Action: action, Object: istio.Object{Object: diag.Object{Kind: kind, Name: name}}}}
		s.change = newChange([]byte(before), []byte(after))
		s.change.adopted = adopted != ""
		return s
	}
	const (
		one   = `{"spec":{"http":[{"name":"ordinary.cart","route":1}]}}`
		other = `{"spec":{"http":[{"name":"ordinary.cart","route":2}]}}`
		more  = `{"spec":{"http":[{"name":"ordinary.cart","route":1},{"name":"override.cart.v2"}]}}`
	)
	steps := []queued{
		step(plan.Delete, "VirtualService", "gone", "", one, ""),
		step(plan.Create, "DestinationRule", "subset", "", "", one),
		step(plan.Create, "VirtualService", "new", "", "", one),
		step(plan.Update, "VirtualService", "pinned", "", one, other),
		step(plan.Update, "VirtualService", "row", "shop/front", one, more),
		step(plan.Update, "VirtualService", "weights", "shop/front", one, other),
	}
	var got []string
	for _, s := range prioritized(steps) {
		got = append(got, s.Object.Name)
	}
	if want := "weights pinned row subset new gone"; strings.Join(got, " ") != want {
		t.Errorf("order %v, want %s", got, want)
	}
}
