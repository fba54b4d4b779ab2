package judge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/test/soak/judge"
)

var (
	begin   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	errLost = errors.New("connection reset")
)

func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

// path is the answer of services that called one another: "cart:v1 stock:v2". A failed
// one is "stock!503".
func path(text string) *chain.Answer {
	var out *chain.Answer
	for _, hop := range slices.Backward(strings.Fields(text)) {
		a := &chain.Answer{Status: 200}
		if name, _, failed := strings.Cut(hop, "!"); failed {
			a.Service, a.Status, a.Error = name, 503, "no healthy upstream"
		} else {
			a.Service, a.Version, _ = strings.Cut(hop, ":")
		}
		if out != nil {
			a.Calls = []chain.Answer{*out}
		}
		out = a
	}
	return out
}

// TestJudge sends one request from second 10 to second 20, and checks its class and
// result.
func TestJudge(t *testing.T) {
	t.Parallel()
	never, just := time.Time{}, at(20).Add(-50*time.Millisecond)
	for name, test := range map[string]struct {
		// override asks for stock:v2, which was announced until ended.
		override bool
		ended    time.Time
		why      judge.Class
		answer   *chain.Answer
		err      error
		class    judge.Class
		want     judge.Count
	}{
		"ordinary":                     {answer: path("cart:v1 stock:v1"), class: judge.Ordinary, want: judge.Count{Sent: 1}},
		"ordinary, no answer":          {err: errLost, class: judge.Ordinary, want: judge.Count{Sent: 1, Failed: 1}},
		"ordinary, a hop failed":       {answer: path("cart:v1 stock!503"), class: judge.Ordinary, want: judge.Count{Sent: 1, Failed: 1}},
		"ordinary at a preview":        {answer: path("cart:v1 stock:v2"), class: judge.Ordinary, want: judge.Count{Sent: 1, Misrouted: 1}},
		"ordinary at an unknown":       {answer: path("cart:v1 other:v1"), class: judge.Ordinary, want: judge.Count{Sent: 1, Misrouted: 1}},
		"override":                     {override: true, answer: path("cart:v1 stock:v2"), class: judge.Announced, want: judge.Count{Sent: 1}},
		"override at the released":     {override: true, answer: path("cart:v1 stock:v1"), class: judge.Announced, want: judge.Count{Sent: 1, Misrouted: 1}},
		"override at another":          {override: true, answer: path("cart:v1 stock:v3"), class: judge.Announced, want: judge.Count{Sent: 1, Misrouted: 1}},
		"override, another one's hop":  {override: true, answer: path("cart:v2 stock:v2"), class: judge.Announced, want: judge.Count{Sent: 1, Misrouted: 1}},
		"override that gets not there": {override: true, answer: path("cart:v1"), class: judge.Announced, want: judge.Count{Sent: 1, Failed: 1}},
		"override, no answer":          {override: true, err: errLost, class: judge.Announced, want: judge.Count{Sent: 1, Failed: 1}},
		"leaves meanwhile":             {override: true, ended: just, why: judge.Leaving, answer: path("cart:v1 stock:v1"), class: judge.Announced, want: judge.Count{Sent: 1}},
		"leaves meanwhile, no answer":  {override: true, ended: just, why: judge.Leaving, err: errLost, class: judge.Announced, want: judge.Count{Sent: 1, Failed: 1}},
		"left long before the answer":  {override: true, ended: at(15), why: judge.Leaving, err: errLost, class: judge.Leaving, want: judge.Count{Sent: 1, Failed: 1}},
		"leaves later":                 {override: true, ended: at(25), why: judge.Leaving, answer: path("cart:v1 stock:v1"), class: judge.Announced, want: judge.Count{Sent: 1, Misrouted: 1}},
		"has left":                     {override: true, ended: at(5), why: judge.Leaving, answer: path("cart:v1 stock:v1"), class: judge.Leaving, want: judge.Count{Sent: 1}},
		"has left, no answer":          {override: true, ended: at(5), why: judge.Leaving, err: errLost, class: judge.Leaving, want: judge.Count{Sent: 1, Failed: 1}},
		"has left, another's":          {override: true, ended: at(5), why: judge.Leaving, answer: path("cart:v1 stock:v3"), class: judge.Leaving, want: judge.Count{Sent: 1, Misrouted: 1}},
		"crashes meanwhile, no answer": {override: true, ended: at(15), why: judge.Crashed, err: errLost, class: judge.Crashed, want: judge.Count{Sent: 1, Failed: 1}},
		"crashes later, no answer":     {override: true, ended: at(25), why: judge.Crashed, err: errLost, class: judge.Announced, want: judge.Count{Sent: 1, Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failures []judge.Failure
			b := judge.NewBook(func(f judge.Failure) { failures = append(failures, f) })
			b.Release("cart", "v1")
			b.Release("stock", "v1")
			var a *judge.Announcement
			if test.override {
				a = &judge.Announcement{Version: judge.Version{Service: "stock", Name: "v2"}}
			}
			r := b.Begin(at(10), "cart", a)
			if test.ended != never {
				b.End(a, test.ended, test.why)
			}
			r.End(at(20), test.answer, test.err)
			if got := b.Counts()[test.class]; got != test.want || len(b.Counts()) != 1 {
				t.Errorf("counted %v, want %v as %s", b.Counts(), test.want, test.class)
			}
			if bad := test.want.Failed+test.want.Misrouted > 0; bad != (len(failures) > 0) {
				t.Errorf("told of %v", failures)
			}
		})
	}
}

// TestPromotion allows either version during a promotion, for requests that were sent
// before and for those that end after it.
func TestPromotion(t *testing.T) {
	t.Parallel()
	b := judge.NewBook(func(judge.Failure) {})
	b.Release("pay", "v1")
	early := b.Begin(at(0), "pay", nil)
	b.Release("pay", "v2")
	between := b.Begin(at(1), "pay", nil)
	b.Retire("pay", "v1")
	early.End(at(3), path("pay:v2"), nil)
	between.End(at(3), path("pay:v1"), nil)
	if got := b.Counts()[judge.Ordinary]; got != (judge.Count{Sent: 2}) {
		t.Errorf("counted %v", got)
	}
	b.Begin(at(4), "pay", nil).End(at(5), path("pay:v1"), nil)
	if got := b.Counts()[judge.Ordinary]; got.Misrouted != 1 {
		t.Errorf("counted %v, though the version is retired", got)
	}
}

// TestRobbed checks that requests affected by a user's deletion have a class of their
// own, only for the deletion's Service.
func TestRobbed(t *testing.T) {
	t.Parallel()
	b := judge.NewBook(func(judge.Failure) {})
	b.Release("cart", "v1")
	b.Release("stock", "v1")
	b.Rob("stock", at(10))
	b.Begin(at(9), "cart", nil).End(at(12), path("cart:v1 stock:v2"), nil)
	b.Begin(at(9), "cart", nil).End(at(12), path("cart:v2 stock:v1"), nil)
	b.Begin(at(11), "cart", nil).End(at(12), path("cart:v1 stock!503"), nil)
	want := map[judge.Class]judge.Count{judge.Robbed: {Sent: 1, Misrouted: 1}, judge.Ordinary: {Sent: 2, Failed: 1, Misrouted: 1}}
	got := b.Counts()
	if got[judge.Robbed] != want[judge.Robbed] || got[judge.Ordinary] != want[judge.Ordinary] {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// TestBlind checks that a request sent while istiod is away must be served, by the
// version or the released one.
func TestBlind(t *testing.T) {
	t.Parallel()
	b := judge.NewBook(func(judge.Failure) {})
	b.Release("stock", "v1")
	a := &judge.Announcement{Version: judge.Version{Service: "stock", Name: "v2"}}
	b.Blind(true)
	for _, answer := range []string{"stock:v1", "stock:v2", "stock:v3", "stock!503"} {
		b.Begin(at(0), "stock", a).End(at(1), path(answer), nil)
	}
	b.Begin(at(0), "stock", nil).End(at(1), path("stock:v2"), nil)
	b.Blind(false)
	b.Begin(at(2), "stock", a).End(at(3), path("stock:v1"), nil)
	for class, want := range map[judge.Class]judge.Count{
		judge.Blind: {Sent: 4, Failed: 1, Misrouted: 1}, judge.Ordinary: {Sent: 1, Misrouted: 1}, judge.Announced: {Sent: 1, Misrouted: 1},
	} {
		if got := b.Counts()[class]; got != want {
			t.Errorf("%s: counted %v, want %v", class, got, want)
		}
	}
}

// TestAbsent checks that a request for a version that does not exist is served like an
// ordinary one.
func TestAbsent(t *testing.T) {
	t.Parallel()
	b := judge.NewBook(func(judge.Failure) {})
	b.Release("cart", "v1")
	b.BeginAbsent(at(0), "cart").End(at(1), path("cart:v1"), nil)
	b.BeginAbsent(at(0), "cart").End(at(1), path("cart:v2"), nil)
	if got := b.Counts()[judge.Absent]; got != (judge.Count{Sent: 2, Misrouted: 1}) {
		t.Errorf("counted %v", got)
	}
}

// TestPhases checks that a request counts in the phase in which it was sent.
func TestPhases(t *testing.T) {
	t.Parallel()
	b := judge.NewBook(func(judge.Failure) {})
	b.Release("cart", "v1")
	before := b.Begin(at(0), "cart", nil)
	b.Phase("storm")
	b.Begin(at(1), "cart", nil).End(at(2), path("cart!503"), nil)
	b.Phase("calm")
	before.End(at(3), path("cart:v1"), nil)
	got := b.Phases()
	if len(got) != 2 || got[""][judge.Ordinary] != (judge.Count{Sent: 1}) || got["storm"][judge.Ordinary] != (judge.Count{Sent: 1, Failed: 1}) {
		t.Errorf("counted %v", got)
	}
	if all := b.Counts()[judge.Ordinary]; all != (judge.Count{Sent: 2, Failed: 1}) {
		t.Errorf("counted %v in all", all)
	}
}

func TestCountOK(t *testing.T) {
	t.Parallel()
	for class, want := range map[judge.Class][3]bool{
		judge.Ordinary: {true, false, false}, judge.Absent: {true, false, false}, judge.Announced: {true, false, false},
		judge.Leaving: {true, true, false}, judge.Unready: {true, true, false}, judge.Crashed: {true, true, false},
		judge.Robbed: {true, true, true}, judge.Blind: {true, false, false},
	} {
		got := [3]bool{
			judge.Count{Sent: 1}.OK(class), judge.Count{Sent: 1, Failed: 1}.OK(class), judge.Count{Sent: 1, Misrouted: 1}.OK(class),
		}
		if got != want {
			t.Errorf("%s: %v, want %v", class, got, want)
		}
	}
}
