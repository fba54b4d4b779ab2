package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/rollout"
	"github.com/overrides-mesh/overrides/internal/route"
)

const applyLong = `Apply writes what generate prints to a cluster, and deletes what is not generated any
more, in an order in which no request fails: DestinationRules before the VirtualServices
that name their subsets, with the time in between that proxies take to have them; when
a version goes, its route first. It ends when everything is in place. The operator does
the same all the time; where it runs, apply is not needed.

It deletes only objects that Overrides made (label app.kubernetes.io/managed-by:
overrides), in the namespace that is read, or with -f in those of the input: give it
all manifests of a namespace together, or --prune=false. Objects of an operator stay as
they are. Nothing is written where the input has errors. With -f, a version counts as
ready that has replicas in the manifests: apply these first, and wait for their pods.

Apply needs a cluster, with -f and --dry-run too; generate -f prints without one.

What was applied by other means, such as 'overrides generate | kubectl apply -f -', is
taken over with --force-conflicts.`

const applyExamples = `# what would be written for a folder of manifests, and in which order
overrides apply -f deploy/ --dry-run

# the services that are running in a namespace
overrides apply -n shop

# after kustomize; objects that kubectl has applied are taken over
kustomize build . | overrides apply -f - --force-conflicts`

// applyOptions are the flags of apply.
type applyOptions struct {
	*input
	rollout rollout.Options
	prune   bool
	timeout time.Duration
}

func (a *app) applyCommand() *cobra.Command {
	o := &applyOptions{rollout: rollout.Options{Plan: plan.DefaultOptions()}}
	cmd := &cobra.Command{
		Use:     "apply",
		Short:   "Write what generate prints to a cluster, step by step",
		Long:    applyLong,
		Example: a.examples(applyExamples),
		Args:    noArgs,
		RunE:    a.run(func(ctx context.Context, _ []string) error { return a.apply(ctx, o) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.rollout.DryRun, "dry-run", false, "have the API server check each write, and print it; store nothing")
	flags.DurationVar(&o.rollout.Plan.PropagationDelay, "propagation-delay", o.rollout.Plan.PropagationDelay, "`time` that proxies may take to receive what was written, before a route relies on it")
	flags.DurationVar(&o.rollout.Plan.DrainDelay, "drain-delay", o.rollout.Plan.DrainDelay, "`time` for which an unused subset or pin stays")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "`time` after which to give up; 0 is no limit")
	flags.BoolVar(&o.prune, "prune", true, "delete objects that are not generated any more")
	flags.BoolVar(&o.rollout.TakeOver, "force-conflicts", false, "change and delete objects of the generator that others have applied too")
	o.input = a.addInput(cmd)
	acceptOldNames(flags)
	return cmd
}

func (a *app) apply(ctx context.Context, o *applyOptions) error {
	for name, d := range map[string]time.Duration{"--propagation-delay": o.rollout.Plan.PropagationDelay, "--drain-delay": o.rollout.Plan.DrainDelay, "--timeout": o.timeout} {
		if d < 0 {
			return usagef("%s: %v is negative", name, d)
		}
	}
	if o.timeout > 0 && !o.rollout.DryRun {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not everything is in place after %v (--timeout)", o.timeout))
		defer cancel()
	}
	o.options.Static = true
	o.cluster.purpose, o.cluster.instead = "to write to", "overrides generate -f prints the objects without one"
	s, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	a.tell(o.input, s.diags)
	if err := verdict(s.diags, o.strict); err != nil {
		a.say("nothing is written")
		return err
	}
	config, _, err := o.cluster.load()
	if err != nil {
		return err
	}
	o.rollout.KeepOthers = !o.prune
	o.rollout.Report = func(line string) { fmt.Fprintln(a.Out, line) }
	o.rollout.Warn = func(line string) { a.say("%s", line) }
	return rollout.Run(ctx, config, a.rereading(o, s), o.rollout)
}

// rereading returns what is wanted by s at first and by what the cluster holds after that.
func (a *app) rereading(o *applyOptions, s *state) func(context.Context) (*rollout.Wanted, error) {
	first := true
	return func(ctx context.Context) (*rollout.Wanted, error) {
		if !first && !o.fromFiles() {
			next, err := a.read(ctx, o.input)
			if err != nil {
				return nil, err
			}
			if hasError(next.diags) {
				a.tell(o.input, next.diags)
				return nil, errReported
			}
			s = next
		}
		first = false
		return s.wanted(o.fromFiles()), nil
	}
}

// wanted is what is to be in the cluster, in the namespaces that s is about.
func (s *state) wanted(fromFiles bool) *rollout.Wanted {
	out := &rollout.Wanted{Snapshot: s.snapshot, All: !fromFiles && s.namespace == ""}
	switch {
	case fromFiles:
		out.Namespaces = slices.Sorted(maps.Keys(inputNamespaces(s)))
	case s.namespace != "":
		out.Namespaces = []string{s.namespace}
	}
	result := s.result
	elsewhere := func(namespace string) bool { return !out.All && !slices.Contains(out.Namespaces, namespace) }
	result.Tables = slices.DeleteFunc(slices.Clone(result.Tables), func(t route.Table) bool { return elsewhere(t.Namespace) })
	result.SubsetRules = slices.DeleteFunc(slices.Clone(result.SubsetRules), func(r route.SubsetRule) bool { return elsewhere(r.Namespace) })
	out.Result = &result
	return out
}
