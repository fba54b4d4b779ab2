package operator

import "sync"

// beside sends requests beside the loop, of which no other depends on: a few at once.
type beside struct {
	places  chan struct{}
	running sync.WaitGroup
	// failed gets a value when a request is to be tried again.
	failed chan struct{}
}

func newBeside() *beside {
	return &beside{places: make(chan struct{}, besideAtOnce), failed: make(chan struct{}, 1)}
}

// besideAtOnce bounds requests beside the loop.
const besideAtOnce = 8

// send calls request, which reports whether it has succeeded, once there is a place.
func (b *beside) send(request func() bool) {
	b.running.Go(func() {
		b.places <- struct{}{}
		defer func() { <-b.places }()
		if !request() {
			select {
			case b.failed <- struct{}{}:
			default:
			}
		}
	})
}

// wait waits until no request is under way.
func (b *beside) wait() { b.running.Wait() }
