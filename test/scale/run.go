package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// Options are the settings of a run.
type Options struct {
	// Services is the number of Services, Seconds the duration of changes, PerSecond
	// their rate. Seed repeats the same choices, as far as the cluster allows.
	Services, Seconds, PerSecond int
	Seed                         uint64
	// Program is the path of overrides, Root the repository's root.
	Program, Root string
	// Flags are passed to the operator.
	Flags []string
	// Profiles is the folder for profiles of the operator; empty for none.
	Profiles string
	// Idle is how long it is watched without changes.
	Idle time.Duration
	// Log receives the progress.
	Log io.Writer
}

const (
	// settleTimeout exceeds the time until everything is as wanted after the last change:
	// versions that flapped are held back for half a minute.
	settleTimeout = 3 * time.Minute
	loadTimeout   = 15 * time.Minute
	poll          = 20 * time.Millisecond
)

// run is the state of a run.
type run struct {
	Options
	*Cluster

	tracker  *Tracker
	operator *operatorProcess
	audit    *audit
	began    time.Time
	result   Result
}

// Run measures an operator in a cluster of its own.
func Run(ctx context.Context, options Options) (_ *Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Options: options, began: time.Now()}
	r.result.Services, r.result.Seconds, r.result.PerSecond, r.result.Seed = options.Services, options.Seconds, options.PerSecond, options.Seed
	if r.Cluster, err = StartCluster(ctx, options.Root, options.Log); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	r.audit = &audit{path: r.auditLog()}
	for _, step := range []func(context.Context) error{r.fill, r.fromNothing, r.idle, r.changes, r.compareAll, r.again} {
		if err := step(ctx); err != nil {
			if r.operator != nil {
				err = errors.Join(err, fmt.Errorf("the operator's log ends with:\n%s", r.operator.Tail()), r.operator.Stop())
			}
			return nil, err
		}
	}
	r.result.Refused = r.audit.refused
	return &r.result, r.operator.Stop()
}

// say logs the progress.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Log, "%4.0f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// until waits for a condition.
func until(ctx context.Context, limit time.Duration, what string, condition func() (bool, error)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		switch ok, err := condition(); {
		case err != nil:
			return err
		case ok:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("%s: not within %v", what, limit)
		case <-ticker.C:
		}
	}
}

// fill creates the Services, and waits for their pods.
func (r *run) fill(ctx context.Context) error {
	r.say("making %d Services", r.Services)
	if err := r.load(ctx, r.Services); err != nil {
		return err
	}
	var err error
	if r.tracker, err = r.track(ctx, plan.DefaultOptions()); err != nil {
		return err
	}
	if err := until(ctx, loadTimeout, "pods are ready", r.tracker.allReady(r.Services)); err != nil {
		return err
	}
	r.result.Pods, r.result.Versions = r.tracker.size()
	r.say("%d versions, %d pods are ready", r.result.Versions, r.result.Pods)
	return nil
}

// fromNothing starts the operator without any of its objects.
func (r *run) fromNothing(ctx context.Context) error {
	var err error
	if r.operator, err = r.startOperator(ctx, r.Program, r.Profiles != "", r.Flags); err != nil {
		return err
	}
	if err := until(ctx, settleTimeout, "the first look", func() (bool, error) { return r.operator.looked(ctx) }); err != nil {
		return err
	}
	r.result.FirstLook = time.Since(r.operator.began)
	if err := until(ctx, loadTimeout, "everything is in place", r.tracker.settled); err != nil {
		return err
	}
	r.result.FromNothing = time.Since(r.operator.began)
	r.result.FromNothingUsage = r.operator.usage()
	if r.result.FromNothingRequests, err = r.audit.next(); err != nil {
		return err
	}
	r.say("everything is in place after %v, %s", r.result.FromNothing.Round(time.Millisecond), size(r.result.FromNothingUsage.Resident))
	return nil
}

// idle watches the operator without changes.
func (r *run) idle(ctx context.Context) error {
	if err := r.silent(ctx); err != nil {
		return err
	}
	before := r.operator.usage()
	if err := r.pause(ctx, r.Idle); err != nil {
		return err
	}
	after := r.operator.usage()
	r.result.IdleCPU = (after.CPU - before.CPU).Seconds() / r.Idle.Seconds()
	r.result.IdleResident = after.Resident
	var err error
	r.result.IdleRequests, err = r.audit.next()
	return err
}

// silent waits until the operator has made no request for some seconds, since Events are
// sent after the writes. Requests until then are not counted.
func (r *run) silent(ctx context.Context) error {
	quiet := 0
	for range 60 {
		if err := r.pause(ctx, time.Second); err != nil {
			return err
		}
		requests, err := r.audit.next()
		if err != nil {
			return err
		}
		if quiet++; len(requests) > 0 {
			quiet = 0
		}
		if quiet == 3 {
			break
		}
	}
	return nil
}

// pause waits while something is measured.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// changes makes the changes, and waits for their effects.
func (r *run) changes(ctx context.Context) error {
	c := &changer{Cluster: r.Cluster, tracker: r.tracker, services: r.Services, random: rand.New(rand.NewPCG(r.Seed, 0)), done: map[string]int{}} //nolint:gosec // a choice that can be made again
	r.tracker.forget()
	r.audit.served = nil
	last := time.Duration(r.Seconds) * time.Second
	r.say("%d changes a second for %v", r.PerSecond, last)
	before := r.operator.usage()
	looksBefore, tookBefore, err := r.operator.looks(ctx)
	if err != nil {
		return err
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	usage := r.operator.watchUsage(watching)
	profiled := make(chan error, 1)
	go func() {
		profiled <- r.operator.keepProfile(ctx, r.Profiles, fmt.Sprintf("cpu-%d", r.Services), fmt.Sprintf("profile?seconds=%d", r.Seconds))
	}()
	if err := c.run(ctx, r.PerSecond, last); err != nil {
		return err
	}
	end()
	r.result.Memory = memory(<-usage)
	after := r.operator.usage()
	looks, took, err := r.operator.looks(ctx)
	if err != nil {
		return err
	}
	r.result.Looks = int(looks - looksBefore)
	r.result.Look = (took - tookBefore) / time.Duration(max(r.result.Looks, 1))
	r.result.CPU = (after.CPU - before.CPU).Seconds() / last.Seconds()
	r.result.Changes, r.result.Passed = c.done, c.passed
	if err := errors.Join(<-profiled, r.operator.keepProfile(ctx, r.Profiles, fmt.Sprintf("heap-%d", r.Services), "heap?gc=1"), errors.Join(c.errs...)); err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	if err := r.pause(ctx, 3*time.Second); err != nil { // for Events
		return err
	}
	if r.result.Requests, err = r.audit.next(); err != nil {
		return err
	}
	r.result.Served = distribution(r.audit.served)
	return r.tracker.sum(&r.result)
}

// rest waits until nothing changes any more, and everything is in place.
func (r *run) rest(ctx context.Context) error {
	if err := until(ctx, settleTimeout, "the last pods have come and gone", r.tracker.atRest); err != nil {
		return err
	}
	if err := until(ctx, settleTimeout, "everything is in place again", r.tracker.settled); err != nil {
		return errors.Join(err, r.tracker.unsettled())
	}
	r.say("everything is in place again")
	return nil
}

// compareAll compares the cluster with the generator's output.
func (r *run) compareAll(ctx context.Context) error {
	objects, differences, err := r.compare(ctx)
	if err != nil {
		return err
	}
	for _, d := range differences {
		fmt.Fprintln(r.Log, d)
	}
	r.result.Objects, r.result.Differences = objects, len(differences)
	r.say("%d objects, %d differ from the output of generate", objects, len(differences))
	return nil
}

// again starts another operator with everything already in place.
func (r *run) again(ctx context.Context) error {
	if err := r.operator.Stop(); err != nil {
		return err
	}
	if _, err := r.audit.next(); err != nil {
		return err
	}
	r.tracker.forget()
	var err error
	if r.operator, err = r.startOperator(ctx, r.Program, r.Profiles != "", r.Flags); err != nil {
		return err
	}
	if err := until(ctx, settleTimeout, "the first look", func() (bool, error) { return r.operator.looked(ctx) }); err != nil {
		return err
	}
	r.result.Again = time.Since(r.operator.began)
	if err := r.pause(ctx, r.Idle); err != nil {
		return err
	}
	r.result.AgainUsage = r.operator.usage()
	if r.result.AgainRequests, err = r.audit.next(); err != nil {
		return err
	}
	r.result.AgainWritten = r.tracker.written()
	r.say("restarted: everything was seen after %v", r.result.Again.Round(time.Millisecond))
	return r.operator.keepProfile(ctx, r.Profiles, fmt.Sprintf("heap-again-%d", r.Services), "heap?gc=1")
}
