package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Wanted is the wanted content of a cluster.
type Wanted struct {
	// Snapshot is the input of Result. All objects of Result are in Namespaces.
	Snapshot *model.Snapshot
	Result   *compile.Result
	// Namespaces are those in which objects are written and deleted; if All is set, those
	// of the whole cluster.
	Namespaces []string
	All        bool
	// Entries are the objects that policies of gateways ask for.
	Entries []encoded.Object
}

// Options are settings of a rollout.
type Options struct {
	// Plan says how long proxies may take to receive, and to drop, objects.
	Plan plan.Options
	// KeepOthers keeps objects that are no longer wanted.
	KeepOthers bool
	// TakeOver allows changing and deleting objects that others have applied too.
	TakeOver bool
	// DryRun lets the API server check everything, and store nothing.
	DryRun bool
	// Report gets a line for each write, Warn other messages for people.
	Report, Warn func(line string)
}

// ErrIncomplete means that not all objects are as wanted.
var ErrIncomplete = errors.New("not everything could be written")

// attempts limits retries of steps whose objects somebody else changes at the same time.
const attempts = 10

// cluster is the target of a rollout.
type cluster interface {
	// list returns the objects of the generator in some namespaces, and the names of
	// objects of the same kinds that others made.
	list(ctx context.Context, w *Wanted) (map[diag.Object]*apply.Seen, map[diag.Object]bool, error)
	// Do takes a step for an object as last observed, like [apply.Client].
	Do(ctx context.Context, step plan.Step, seen *apply.Seen) (*apply.Seen, error)
}

// Run brings the cluster of config to the state that wanted returns. It calls wanted
// before each step.
func Run(ctx context.Context, config *rest.Config, wanted func(context.Context) (*Wanted, error), options Options) error {
	objects, err := newObjects(config, &options)
	if err != nil {
		return err
	}
	return newRunner(objects, wanted, options).run(ctx)
}

// runner is the state of one rollout.
type runner struct {
	Options

	cluster cluster
	wanted  func(context.Context) (*Wanted, error)
	memory  plan.Memory
	// refused are the objects whose steps are not tried again, told the lines already
	// written.
	refused map[diag.Object]bool
	told    map[string]bool
	// stale counts consecutive steps whose objects somebody else has changed.
	stale int
	// wrote counts the steps taken.
	wrote int
	// started is when the rollout began, written when objects of policies of gateways were.
	started time.Time
	written map[diag.Object]time.Time
	// needed is when guards of policies that no longer ask for them were last needed.
	needed map[diag.Object]time.Time
	// received are the filters that proxies have, and awaits is set if rows must wait for others.
	received []diag.Object
	awaits   bool
	// ahead is the difference between the time of a dry run and the clock.
	ahead time.Duration
}

func newRunner(c cluster, wanted func(context.Context) (*Wanted, error), options Options) *runner {
	if options.DryRun {
		c = &pretence{cluster: c}
	}
	return &runner{Options: options, cluster: c, wanted: wanted, refused: map[diag.Object]bool{}, told: map[string]bool{}, started: time.Now(), written: map[diag.Object]time.Time{}, needed: map[diag.Object]time.Time{}}
}

func (r *runner) run(ctx context.Context) error {
	for {
		out, progress, entriesAt, err := r.round(ctx)
		if err != nil {
			return err
		}
		if progress {
			continue
		}
		if !entriesAt.IsZero() {
			r.tellEntryWait()
			if err := r.wait(ctx, entriesAt); err != nil {
				return err
			}
			continue
		}
		held := r.pending(out.Blocked)
		if len(held) == 0 {
			return r.verdict()
		}
		r.tellWaits(held)
		switch {
		case out.RequeueAt.IsZero() && len(r.refused) > 0:
			return r.verdict()
		case out.RequeueAt.IsZero():
			return fmt.Errorf("%w: waiting longer would not help", ErrIncomplete)
		}
		if err := r.wait(ctx, out.RequeueAt); err != nil {
			return err
		}
	}
}

// pending returns the blocked writes that a rollout waits for.
func (r *runner) pending(held []plan.Blocked) []plan.Blocked {
	return slices.DeleteFunc(slices.Clone(held), func(h plan.Blocked) bool { return r.KeepOthers && h.Reason.CleanupOnly() })
}

func (r *runner) verdict() error {
	switch {
	case len(r.refused) > 0 || r.awaits:
		return fmt.Errorf("%w: follow the messages above, and run this again", ErrIncomplete)
	case r.wrote == 0:
		r.Warn("nothing to write: everything is in place")
	}
	return nil
}

// round makes a plan and takes its steps: first those for policies of gateways, so that nobody
// follows an override that they would remove. It reports whether a step was taken, or must be
// planned again, and when further steps for policies may be taken.
func (r *runner) round(ctx context.Context) (*plan.Output, bool, time.Time, error) {
	w, err := r.wanted(ctx)
	if err != nil {
		return nil, false, time.Time{}, err
	}
	seen, others, err := r.cluster.list(ctx, w)
	if err != nil {
		return nil, false, time.Time{}, err
	}
	progress, entriesAt, err := r.takeEntries(ctx, w, seen, others)
	if err != nil {
		return nil, false, entriesAt, err
	}
	if r.awaits {
		return &plan.Output{}, progress, entriesAt, nil
	}
	in := plan.Input{Snapshot: w.Snapshot, Result: w.Result, Memory: r.memory, Now: time.Now().Add(r.ahead), Options: r.Plan, Backend: istio.Backend{}}
	in.Observed = observedRoutes(seen)
	if r.KeepOthers {
		r.tellKept(&in)
	}
	out, err := plan.Plan(in)
	if err != nil {
		return nil, false, entriesAt, fmt.Errorf("plan: %w", err)
	}
	r.memory = out.Memory
	for _, d := range out.Diagnostics {
		r.tell(d.String())
	}
	for _, step := range out.Steps {
		taken, err := r.take(ctx, step, seen[step.Object.Object], others)
		if err != nil {
			return nil, false, entriesAt, err
		}
		progress = progress || taken
	}
	return &out, progress, entriesAt, nil
}

// take takes a step, and reports whether it was taken or must be planned again.
func (r *runner) take(ctx context.Context, step plan.Step, seen *apply.Seen, others map[diag.Object]bool) (bool, error) {
	object := step.Object.Object
	switch {
	case r.refused[object]:
		return false, nil
	case step.Action == plan.Delete && r.KeepOthers:
		return false, nil
	case others[object]:
		r.refuse(diag.New(diag.NameTaken, object, "%s is not written: somebody else made an object of this name", object))
		return false, nil
	case seen != nil && seen.NotOurs != "" && seen.Written.IsZero() && !r.TakeOver:
		r.refuse(diag.New(diag.FieldConflict, object, "it is not changed: %s", seen.NotOurs))
		return false, nil
	}
	_, err := r.cluster.Do(ctx, step, seen)
	var refusal *apply.Refusal
	switch {
	case err == nil:
		r.stale = 0
		r.wrote++
		r.Report(r.done(step))
		return true, nil
	case errors.As(err, &refusal):
		r.refuse(refusal.Diagnostic())
		return false, nil
	case errors.Is(err, apply.ErrStale) && r.stale < attempts:
		r.stale++
		return true, nil
	}
	return false, err
}

// refuse records that an object can't be written.
func (r *runner) refuse(d diag.Diagnostic) {
	if d.Code == diag.FieldConflict {
		d = d.WithFix("let its manager give it up, or take it over with --force-conflicts")
	}
	r.refused[d.Object] = true
	r.tell(d.String())
}

// done describes a step in the past tense.
func (r *runner) done(step plan.Step) string {
	if r.DryRun {
		return "would " + step.String()
	}
	return string(step.Action) + "d " + step.Object.String()
}

// tellKept names the objects that are not wanted and stay.
func (r *runner) tellKept(in *plan.Input) {
	wanted := in.Result.Owners()
	for i := range in.Observed {
		if o := in.Observed[i].Object; wanted[o] == "" {
			r.tell(fmt.Sprintf("left %s, which is no longer generated", o))
		}
	}
}

// tellWaits writes each wait once.
func (r *runner) tellWaits(held []plan.Blocked) {
	for _, h := range held {
		r.tell(fmt.Sprintf("%s: %s (%s)", h.Object, current.WaitOf(h).What, h.Reason))
	}
}

func (r *runner) tell(line string) {
	if !r.told[line] {
		r.told[line] = true
		r.Warn(line)
	}
}

// wait waits until a time; a dry run sets its time instead.
func (r *runner) wait(ctx context.Context, until time.Time) error {
	left := time.Until(until) - r.ahead
	if r.DryRun {
		r.ahead += max(left, 0)
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
