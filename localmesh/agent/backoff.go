package agent

import "time"

// backoff decides when an ended container may start again: at once the first time, then
// after delays that double until it has run for long enough.
type backoff struct {
	first, most time.Duration

	delay time.Duration
	// last is the time when it was last allowed to start.
	last time.Time
}

// next returns when to start a container that ended at that time.
func (b *backoff) next(ended time.Time) time.Time {
	if b.delay == 0 || ended.Sub(b.last) > 2*b.most {
		b.delay, b.last = b.first, ended
		return ended
	}
	b.last = ended.Add(b.delay)
	b.delay = min(2*b.delay, b.most)
	return b.last
}
