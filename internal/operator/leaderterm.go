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

// terms leads whenever this replica holds the lease. A lease that is lost ends the term
// and not the program, so that what the program knows of the cluster is not lost with
// it: a restart of the API server takes longer than a lease. What a term remembers ends
// with it, since another replica may have led meanwhile.
//
// The manager of controller-runtime ends the program instead. It would have to list
// the whole cluster again, at the moment in which the API server has come back.
type terms struct {
	// lock is nil where there is no lease: then there is one term.
	lock  resourcelock.Interface
	times LeaseOptions
	log   *slog.Logger
	// lead leads until ctx ends, lost is called after it where the program goes on.
	lead func(ctx context.Context)
	lost func()
}

// NeedLeaderElection says that the manager has no say in who leads.
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

// term waits for the lease, and leads until it is lost or ctx ends. Nothing is written
// any more when the lease is released.
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

// release gives the lease up, so that another replica leads at once.
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
		t.log.Warn("the lease is not released, so that others wait until it has expired", "error", err)
	}
}

// tenure knows whether a term has begun, whose begin and end may come at once.
type termState struct {
	mu           sync.Mutex
	begun, ended bool
	done         sync.WaitGroup
}

// begin reports false where the term is over before it has begun.
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
