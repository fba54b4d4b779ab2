package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/traffic"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	// lookInterval is the interval at which a folder is compared.
	lookInterval = 200 * time.Millisecond
	// loadRate is the number of requests of each kind in a second.
	loadRate = 20
)

// ErrLost means that requests failed or took a wrong path.
var ErrLost = errors.New("requests were lost")

// ErrUnanswered means that no request was answered at all: the setup is wrong, and more
// requests would not say more.
var ErrUnanswered = errors.New("no request was answered")

// enough is the number of failed requests, with none that succeeded, after which a demo
// ends by itself.
const enough = 20

// FollowOptions are settings of [Follow].
type FollowOptions struct {
	Dir   string
	Model model.Options
	// Duration is the duration; 0 means until ctx ends.
	Duration time.Duration
	// Tell prints diagnostics.
	Tell func([]diag.Diagnostic)
}

// Follow starts the state of a folder, and follows its changes while it sends and counts
// requests. A folder with errors changes nothing. It returns an error if a request was
// lost.
func Follow(ctx context.Context, o Options, f FollowOptions) (err error) {
	state, manifests, err := readFolder(ctx, f.Dir, f.Model)
	if err != nil {
		return err
	}
	f.Tell(state.Diagnostics)
	if state.Broken() {
		return fmt.Errorf("start the demo: the manifests in %s have errors", f.Dir)
	}
	w, err := o.start(ctx, state)
	defer func() { err = errors.Join(err, w.Close()) }()
	if err != nil {
		return err
	}
	hints, err := w.hints(state)
	if err != nil {
		return err
	}
	fmt.Fprint(o.Out, hints)
	if f.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.Duration)
		defer cancel()
	}
	follower := &follower{
		FollowOptions: f, world: w, state: state,
		screen:  &screen{w: o.Err, terminal: o.ErrTerminal},
		watcher: watcher{dir: f.Dir, taken: manifests, seen: manifests},
	}
	return follower.run(ctx, o)
}

type follower struct {
	FollowOptions
	world   *World
	state   *State
	screen  *screen
	watcher watcher
	traffic *traffic.Traffic
	// told counts the faults already reported.
	told int
}

func (f *follower) run(ctx context.Context, o Options) error {
	f.traffic = traffic.Start(ctx, traffic.Options{
		Client: f.world.Client(), Judge: f.world.judge, Header: f.Model.Header, Rate: loadRate,
	}, f.state.target())
	ended := f.loop(ctx)
	f.traffic.Stop()
	counts := f.tellFaults()
	f.screen.clear()
	fmt.Fprintln(o.Out, counts)
	if counts.Wrong() > 0 {
		return errors.Join(ended, fmt.Errorf("%d %w", counts.Wrong(), ErrLost))
	}
	return ended
}

func (f *follower) loop(ctx context.Context) error {
	f.screen.say("following %s", f.Dir)
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-f.world.Failed():
			return err
		case <-look.C:
		}
		if f.watcher.look() {
			if err := f.change(ctx); err != nil {
				return err
			}
		}
		counts := f.tellFaults()
		f.screen.show(counts.String())
		if sent := counts.Ordinary + counts.Override; sent >= enough && counts.Failed == sent {
			return fmt.Errorf("%w: the first %d requests to %s failed", ErrUnanswered, sent, f.state.target().URL)
		}
	}
}

// tellFaults reports new faults.
func (f *follower) tellFaults() traffic.Counts {
	counts, faults := f.traffic.Counts()
	for _, fault := range faults[f.told:] {
		f.screen.say("%s", fault)
	}
	f.told = len(faults)
	return counts
}

// change applies the present content of the folder.
func (f *follower) change(ctx context.Context) error {
	began := time.Now()
	next, manifests, err := readFolder(ctx, f.Dir, f.Model)
	switch {
	case errors.Is(err, errChanging), ctx.Err() != nil:
		return nil //nolint:nilerr // the folder will be read again
	case err != nil:
		f.watcher.taken = manifests
		f.screen.say("%v: nothing changes", err)
		return nil
	}
	f.watcher.taken = manifests
	f.screen.clear()
	f.Tell(next.Diagnostics)
	if next.Broken() {
		f.screen.say("the manifests have errors: nothing changes")
		return nil
	}
	if err := f.world.Update(ctx, next); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the demo ends
		}
		return fmt.Errorf("follow %s: %w", f.Dir, err)
	}
	before, after := f.state.versions(), next.versions()
	f.state = next
	f.traffic.Aim(next.target())
	took := time.Since(began).Round(time.Millisecond)
	for _, v := range after {
		if !slices.Contains(before, v) {
			f.screen.say("+ %s takes requests (after %v)", v, took)
		}
	}
	for _, v := range before {
		if !slices.Contains(after, v) {
			f.screen.say("- %s is gone (after %v)", v, took)
		}
	}
	return nil
}

// versions lists the versions that serve, as "service-3:v2".
func (s *State) versions() []string {
	var out []string
	for i := range s.Result.Services {
		r := &s.Result.Services[i]
		for _, v := range r.Versions {
			if v.Ready > 0 {
				out = append(out, r.Name+"."+r.Namespace+":"+v.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// target returns the target of the load: the first Service, with requests for each
// version that is not released.
func (s *State) target() traffic.Target {
	entry := s.Entry()
	if entry.Host == "" {
		return traffic.Target{}
	}
	out := traffic.Target{URL: entry.URL, Caller: s.Client()}
	for i := range s.Result.Services {
		r := &s.Result.Services[i]
		for _, v := range r.Versions {
			if !v.Released && v.Ready > 0 {
				out.Overrides = append(out.Overrides, r.Name+":"+v.Name)
			}
		}
	}
	return out
}
