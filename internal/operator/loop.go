package operator

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// syncPoll is how often a starting operator checks whether its store is complete.
const syncPoll = 20 * time.Millisecond

// lead reconciles, and asks istiod when a plan needs it, until ctx ends.
func (r *reconciler) lead(ctx context.Context) {
	var asking sync.WaitGroup
	if r.proxySync != nil {
		asking.Go(func() { r.proxySync.run(ctx) })
	}
	if r.entries != nil {
		asking.Go(func() {
			if r.waitSynced(ctx) {
				r.entries.run(ctx)
			}
		})
	}
	if r.grants != nil {
		asking.Go(func() {
			if r.waitSynced(ctx) {
				r.grants.run(ctx)
			}
		})
	}
	r.run(ctx)
	asking.Wait()
}

// forget drops what may be wrong if this replica becomes the leader again.
func (r *reconciler) forget() {
	r.metrics.forget()
	r.islands.forget()
	r.writer.forget()
	r.proxySync.forget()
	r.reconcileAll = true
}

// run reconciles after each change, and when a plan requests it, until ctx ends. No write is
// in flight when it returns.
func (r *reconciler) run(ctx context.Context) {
	if !r.waitSynced(ctx) {
		return
	}
	r.log.Info("reconciling")
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

// finish waits until no request is in flight.
func (r *reconciler) finish() {
	r.writer.wait()
	r.background.wait()
}

// idleAfter is how long nothing must happen before unused memory is returned to the system.
const idleAfter = 5 * time.Second

// never is longer than an operator runs without a change.
const never = 24 * time.Hour

// waitSynced waits until the store is complete. It reports false if ctx has ended.
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

// debounce waits for further changes, because one often causes others: a pod that becomes
// ready also changes its EndpointSlice and its workload. It reports false if ctx has ended.
func (r *reconciler) debounce(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(r.options.Debounce):
		return true
	}
}
