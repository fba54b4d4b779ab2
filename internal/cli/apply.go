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

const applyLong = `Apply writes the objects that generate prints to a cluster, and deletes those that are
no longer generated, in an order in which no request fails: it writes DestinationRules,
waits until proxies have received them, and writes the VirtualServices that use their
subsets; when a version goes away, its route goes first. It ends when everything is in
place. The operator does the same continuously; if it runs, you don't need apply.

For GatewayOverridePolicies, apply writes guards, waits, and then EnvoyFilters, whose first
installation cuts long requests: a diagnostic says so before, and so does --dry-run.

Apply deletes only objects that Overrides made (label app.kubernetes.io/managed-by:
overrides) in the namespace that it reads, or with -f in the namespaces of the input. Give
it all manifests of a namespace together, or set --prune=false. It does not change objects
of an operator. It writes nothing if the input has errors. With -f, a version counts as
ready if its workload has replicas in the manifests: apply these first, and wait for the
pods.

Apply needs a cluster, even with -f and --dry-run. Use generate -f to print without one.

Apply takes over objects that were applied by other means, such as
'overrides generate | kubectl apply -f -', if --force-conflicts is given.`

const applyExamples = `# show what would be written for a folder of manifests, and in which order
overrides apply -f deploy/ --dry-run

# apply for the services that run in a namespace
overrides apply -n shop

# read the output of kustomize, and take over objects that kubectl has applied
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
	flags.DurationVar(&o.rollout.Plan.PropagationDelay, "propagation-delay", o.rollout.Plan.PropagationDelay, "`time` to wait after a write until proxies have received it")
	flags.DurationVar(&o.rollout.Plan.DrainDelay, "drain-delay", o.rollout.Plan.DrainDelay, "`time` to keep a subset or a pin that is no longer needed")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "`time` after which to give up; 0 means no limit")
	flags.BoolVar(&o.prune, "prune", true, "delete objects that are no longer generated")
	flags.BoolVar(&o.rollout.TakeOver, "force-conflicts", false, "change and delete generated objects that other field managers have applied too")
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

// rereading returns a function that returns the wanted objects: those of s at first, and
// then those of what the cluster holds.
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

// wanted returns the objects that should be in the cluster, in the namespaces of s.
func (s *state) wanted(fromFiles bool) *rollout.Wanted {
	out := &rollout.Wanted{Snapshot: s.snapshot, All: !fromFiles && s.namespace == ""}
	switch {
	case fromFiles:
		out.Namespaces = slices.Sorted(maps.Keys(inputNamespaces(s)))
	case s.namespace != "":
		out.Namespaces = []string{s.namespace}
	}
	for _, o := range s.entries {
		if fromFiles && !slices.Contains(out.Namespaces, o.Namespace) {
			out.Namespaces = append(out.Namespaces, o.Namespace)
		}
	}
	result := s.result
	elsewhere := func(namespace string) bool { return !out.All && !slices.Contains(out.Namespaces, namespace) }
	result.Tables = slices.DeleteFunc(slices.Clone(result.Tables), func(t route.Table) bool { return elsewhere(t.Namespace) })
	result.SubsetRules = slices.DeleteFunc(slices.Clone(result.SubsetRules), func(r route.SubsetRule) bool { return elsewhere(r.Namespace) })
	out.Result, out.Entries = &result, s.entries
	return out
}
