package operator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
)

// noted records Events.
type noted struct {
	mu    sync.Mutex
	notes []string
}

//nolint:revive // its parameters are those of the interface
func (n *noted) Eventf(_, _ runtime.Object, _, _, _, note string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, fmt.Sprintf(note, args...))
}

// TestEventRateLimit: a burst of Events is sent at once, further ones one after the other,
// all of them in order. After a while there may be another burst.
func TestEventRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &noted{}
		r := newRateLimitedRecorder(to)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Start(ctx) }()
		var want []string
		send := func(n int) {
			for range n {
				want = append(want, fmt.Sprint(len(want)))
				r.Eventf(nil, nil, "", "", "", "%s", want[len(want)-1])
			}
		}
		expect := func(n int) {
			t.Helper()
			synctest.Wait()
			to.mu.Lock()
			defer to.mu.Unlock()
			if len(to.notes) != n {
				t.Fatalf("%d were sent, want %d", len(to.notes), n)
			}
		}
		send(eventBurst + 10)
		expect(eventBurst)
		time.Sleep(eventPause)
		expect(eventBurst + 1)
		time.Sleep(9 * eventPause)
		expect(eventBurst + 10)
		time.Sleep(2 * eventBurst * eventPause)
		send(eventBurst + 10)
		expect(2*eventBurst + 10)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if !slices.Equal(to.notes, want[:len(to.notes)]) {
			t.Errorf("sent %v", to.notes)
		}
	})
}
