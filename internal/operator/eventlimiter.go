package operator

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

const (
	// eventBurst Events are sent as they come; of more, one each eventPause. To write
	// thousands at once, each with a request under way of its own, would take as much
	// memory as everything else, and time of the API server that routes need.
	eventBurst = 50
	eventPause = 20 * time.Millisecond
)

// pacedRecorder sends Events at a bounded rate, in the order in which they come.
type rateLimitedRecorder struct {
	events.EventRecorder

	mu    sync.Mutex
	queue []func()
	// more gets a value when something was queued.
	more chan struct{}
}

func newRateLimitedRecorder(to events.EventRecorder) *rateLimitedRecorder {
	return &rateLimitedRecorder{EventRecorder: to, more: make(chan struct{}, 1)}
}

// Eventf queues an Event. What it is about must not be changed any more.
//
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

// NeedLeaderElection says that it runs always; who does not lead says nothing.
func (r *rateLimitedRecorder) NeedLeaderElection() bool { return false }

// Start sends what is queued until ctx ends. What is queued then is lost, as Events
// may be.
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
				ticker.Reset(eventPause) // a tick of before is none
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			budget++
		}
	}
}

func (r *rateLimitedRecorder) next() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.queue = nil // with the room that it took
		return nil
	}
	send := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	return send
}
