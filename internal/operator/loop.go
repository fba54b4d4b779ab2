package operator

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// syncPoll is how often a starting operator looks whether its store is complete.
const syncPoll = 20 * time.Millisecond

// lead reconciles, and asks istiod for what that waits for, until ctx ends.
func (r *reconciler) lead(ctx context.Context) {
	var asking sync.WaitGroup
	if r.proxySync != nil {
		asking.Go(func() { r.proxySync.run(ctx) })
	}
	r.run(ctx)
	asking.Wait()
}

// forget forgets what may not be so any more when this replica leads again.
func (r *reconciler) forget() {
	r.metrics.forget()
	r.islands.forget()
	r.writer.forget()
	r.proxySync.forget()
	r.reconcileAll = true
}

// run reconciles at every change, and when a plan asks for it, until ctx ends. Nothing
// is written any more when it returns.
func (r *reconciler) run(ctx context.Context) {
	if !r.waitSynced(ctx) {
		return
	}
	r.log.Info("reconciling")
	// Listing everything has left more behind than the heap will need again.
	debug.FreeOSMemory()
	timer, idle := time.NewTimer(0), time.NewTimer(never)
	defer timer.Stop()
	defer idle.Stop()
	defer r.finish()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.store.changed:
			if !r.debounce(ctx) {
				return
			}
		case <-r.writer.ended:
			if !r.debounce(ctx) {
				return
			}
		case <-timer.C:
		case <-r.background.retry:
			r.retryStatus = true
		case <-idle.C:
			debug.FreeOSMemory()
			continue
		}
		if again := r.reconcile(ctx); !again.IsZero() {
			timer.Reset(max(time.Until(again), time.Millisecond))
		} else {
			timer.Reset(never)
		}
		idle.Reset(idleAfter)
	}
}

// finish waits until nothing is written any more.
func (r *reconciler) finish() {
	r.writer.wait()
	r.background.wait()
}

// restAfter is how long nothing happens before memory is given back: what looks have
// needed is then needed by others.
const idleAfter = 5 * time.Second

// never is longer than any operator runs without a change.
const never = 24 * time.Hour

// waitSynced waits until the store is complete. It reports false if ctx ended.
func (r *reconciler) waitSynced(ctx context.Context) bool {
	ticker := time.NewTicker(syncPoll)
	defer ticker.Stop()
	for !r.synced() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// debounce lets further changes come, which most have: a pod that becomes ready changes
// itself, its EndpointSlice and its workload. It reports false if ctx ended.
func (r *reconciler) debounce(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(r.options.Debounce):
		return true
	}
}
