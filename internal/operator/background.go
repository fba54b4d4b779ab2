package operator

import "sync"

// beside sends requests beside the loop, of which no other depends on: a few at once.
type background struct {
	slots   chan struct{}
	running sync.WaitGroup
	// failed gets a value when a request is to be tried again.
	retry chan struct{}
}

func newBackground() *background {
	return &background{slots: make(chan struct{}, backgroundLimit), retry: make(chan struct{}, 1)}
}

// besideAtOnce bounds requests beside the loop.
const backgroundLimit = 8

// send calls request, which reports whether it has succeeded, once there is a place.
func (b *background) send(request func() bool) {
	b.running.Go(func() {
		b.slots <- struct{}{}
		defer func() { <-b.slots }()
		if !request() {
			select {
			case b.retry <- struct{}{}:
			default:
			}
		}
	})
}

// wait waits until no request is under way.
func (b *background) wait() { b.running.Wait() }
