package operator

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

const (
	// eventBurst Events are sent without delay, further ones every eventPause. The recorder
	// starts a goroutine for each Event. Thousands at once would take as much memory as the
	// rest of the operator, and load the API server while it is needed for routes.
	eventBurst = 50
	eventPause = 20 * time.Millisecond
)

// rateLimitedRecorder sends Events in order and at a limited rate.
type rateLimitedRecorder struct {
	events.EventRecorder

	mu    sync.Mutex
	queue []func()
	// more gets a value when an Event was queued.
	more chan struct{}
}

func newRateLimitedRecorder(to events.EventRecorder) *rateLimitedRecorder {
	return &rateLimitedRecorder{EventRecorder: to, more: make(chan struct{}, 1)}
}

//nolint:revive // its parameters are those of the interface
func (r *rateLimitedRecorder) Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, func() { r.EventRecorder.Eventf(regarding, related, kind, reason, action, note, args...) })
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// NeedLeaderElection returns false: it runs in every replica, but only the leader queues
// Events.
func (r *rateLimitedRecorder) NeedLeaderElection() bool { return false }

// Start sends queued Events until ctx ends, and then drops the rest.
func (r *rateLimitedRecorder) Start(ctx context.Context) error {
	ticker := time.NewTicker(eventPause)
	defer ticker.Stop()
	budget := eventBurst
	for {
		for budget > 0 {
			send := r.next()
			if send == nil {
				break
			}
			send()
			budget--
		}
		if budget == eventBurst {
			select {
			case <-ctx.Done():
				return nil
			case <-r.more:
				ticker.Reset(eventPause) // drop an earlier tick
				continue
			}
		}
		var more chan struct{}
		if budget > 0 {
			more = r.more // the rest of a burst is sent at once, however slowly it is queued
		}
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		case <-ticker.C:
			budget++
		}
	}
}

func (r *rateLimitedRecorder) next() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.queue = nil // free its memory
		return nil
	}
	send := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	return send
}
