package operator

import "sync"

// background runs requests outside of the loop, a few at once. No other request may depend
// on their results.
type background struct {
	slots   chan struct{}
	running sync.WaitGroup
	// retry gets a value when a request must be retried.
	retry chan struct{}
}

func newBackground() *background {
	return &background{slots: make(chan struct{}, backgroundLimit), retry: make(chan struct{}, 1)}
}

// backgroundLimit bounds the requests in the background.
const backgroundLimit = 8

// send runs request when there is a slot. The request reports whether it has succeeded.
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

// wait waits until no request is running.
func (b *background) wait() { b.running.Wait() }
