package programtest

import (
	"context"
	"testing"
	"time"
)

// Eventually calls f, at once and at each tick, until it returns "". If it still returns
// a problem at the deadline, the test fails with that.
func Eventually(t *testing.T, deadline, tick time.Duration, what string, f func(ctx context.Context) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := ""
	for {
		problem := f(ctx)
		if problem == "" {
			return
		}
		if ctx.Err() == nil || last == "" {
			last = problem // one that the deadline has made says nothing
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %s", what, last)
		case <-ticker.C:
		}
	}
}
