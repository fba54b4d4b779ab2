package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// terms leads whenever this replica holds the lease. If the lease is lost, the term ends,
// but the process does not, and its store remains: a restart of the API server takes longer
// than a lease lasts. The memory of a term is dropped at its end, since another replica may
// lead next.
//
// The manager of controller-runtime would end the process instead. Its successor would list
// the whole cluster at the moment in which the API server is back.
type terms struct {
	// lock is nil if there is no lease. Then there is only one term.
	lock  resourcelock.Interface
	times LeaseOptions
	log   *slog.Logger
	// lead leads until ctx ends. lost is called after a term if the process goes on.
	lead func(ctx context.Context)
	lost func()
}

// NeedLeaderElection returns false, because the manager does not elect the leader.
func (t *terms) NeedLeaderElection() bool { return false }

// Start leads, term after term, until ctx ends.
func (t *terms) Start(ctx context.Context) error {
	if t.lock == nil {
		t.lead(ctx)
		return nil
	}
	for ctx.Err() == nil {
		if err := t.term(ctx); err != nil {
			return err
		}
	}
	return nil
}

// term waits for the lease, and leads until the lease is lost or ctx ends. No write is in
// flight when it releases the lease.
func (t *terms) term(ctx context.Context) error {
	holding, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var led termState
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: t.lock, Name: LeaseName,
		LeaseDuration: t.times.Duration, RenewDeadline: t.times.RenewDeadline, RetryPeriod: t.times.RetryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(holding context.Context) {
				if !led.begin() {
					return
				}
				defer led.done.Done()
				both, cancel := context.WithCancel(holding)
				defer cancel()
				defer context.AfterFunc(ctx, cancel)()
				t.lead(both)
				stop()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("set up the lease: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		if !led.began() {
			stop()
		}
	})()
	elector.Run(holding)
	if !led.end() {
		return nil
	}
	if ctx.Err() != nil {
		t.release(context.WithoutCancel(ctx))
		return nil
	}
	t.log.Warn("the lease is lost, and nothing is written until it is held again", "renewDeadline", t.times.RenewDeadline.String())
	t.lost()
	return nil
}

// release gives up the lease, so that another replica can lead at once.
func (t *terms) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, t.times.RenewDeadline/2)
	defer cancel()
	record, _, err := t.lock.Get(ctx)
	if err == nil && record.HolderIdentity == t.lock.Identity() {
		record.HolderIdentity, record.LeaseDurationSeconds = "", 1
		record.RenewTime.Time = time.Now()
		err = t.lock.Update(ctx, *record)
	}
	if err != nil {
		t.log.Warn("the lease could not be released, so other replicas wait until it expires", "error", err)
	}
}

// termState records whether a term has begun. A term may begin and end at the same time.
type termState struct {
	mu           sync.Mutex
	begun, ended bool
	done         sync.WaitGroup
}

// begin reports false if the term has ended before it began.
func (l *termState) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.begun = true
	l.done.Add(1)
	return true
}

func (l *termState) began() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}

// end waits for the end of the term, and reports whether it had begun.
func (l *termState) end() bool {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.done.Wait()
	return l.begun
}
