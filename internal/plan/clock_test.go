package plan_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// setClock returns t as a clock reads it that has since been set by d: the wall clock
// differs, the monotonic clock does not. The first word of a time with a monotonic clock
// reading is a flag, 33 bits of seconds and 30 of nanoseconds.
func setClock(t time.Time, d time.Duration) time.Time {
	words := (*[2]uint64)(unsafe.Pointer(&t))
	words[0] += uint64(d/time.Second) << 30
	return t
}

func TestSetClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	set := setClock(now, time.Hour)
	if set.Sub(now) != 0 || set.Unix()-now.Unix() != 3600 {
		t.Fatalf("the clock is not set: %v is %v after %v", set, set.Sub(now), now)
	}
}

// TestClockSteps plays one scenario twice, the second time with a clock that is set back
// and forth by an hour, and expects the same steps after the same times: memory keeps how
// much time has passed.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	play := func(clock func(n int, t time.Time) time.Time) []string {
		w := newWorld(0)
		began := time.Now()
		var told []string
		for n := range 120 {
			switch n {
			case 0:
				w.deploy("cart-v1", "v1", true)
				w.workloads["cart-v1"].ready = 1
			case 5:
				w.deploy("cart-v2", "v2", true)
			case 25, 45:
				w.workloads["cart-v2"].ready = 1
			case 35:
				w.workloads["cart-v2"].ready = 0
			case 70:
				delete(w.workloads, "cart-v2")
			}
			w.now = clock(n, began.Add(time.Duration(n)*tick))
			out := w.plan(t)
			for _, step := range out.Steps {
				w.apply(step)
				told = append(told, began.Add(time.Duration(n)*tick).Sub(began).String()+" "+step.String())
			}
			if !out.RequeueAt.IsZero() {
				told = append(told, "requeue after "+out.RequeueAt.Sub(w.now).String())
			}
		}
		return told
	}
	want := play(func(_ int, t time.Time) time.Time { return t })
	got := play(func(n int, t time.Time) time.Time { return setClock(t, time.Duration(n%3-1)*time.Hour) })
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("with a clock that is set (-unset +set), %d lines:\n%s", len(want), diff)
	}
	// Times without monotonic clock readings give other steps.
	without := play(func(n int, t time.Time) time.Time { return setClock(t, time.Duration(n%3-1)*time.Hour).Round(0) })
	if cmp.Equal(want, without) {
		t.Error("this test could not fail")
	}
}
