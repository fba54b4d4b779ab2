package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/overrides-mesh/overrides/internal/cleanup"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/plan"
)

const cleanupLong = `Cleanup removes from a cluster what the operator has made, so that no request fails
on the way: first VirtualServices; after the time that proxies may take to forget
them, DestinationRules; then the status of OverridePolicies and the operator's lease.
Pods that wait for their readiness gate need not wait any more.
What others have made, or applied as well, and what belongs to another installation of
the operator (--instance), stays as it is and is named. So do OverridePolicies, and
their definition unless --crd is given and there is none.

Without its route, ordinary traffic for a Service goes to all its ready pods again,
those of previews included: that is what removing it means. Delete or scale down
previews first that must not get any.

It holds the operator's lease while it works, so that no operator writes meanwhile.
One that still runs is waited for, and would make everything again: stop it first.
Uninstalling the Helm chart does all of this by itself.`

const cleanupExamples = `# what would be removed? Nothing is.
overrides cleanup --dry-run

# stop the operator, then remove what it made
kubectl delete deployment overrides-operator -n overrides-system
overrides cleanup

# where it managed two namespaces, and had its lease in another
overrides cleanup --namespaces shop,billing --lease-namespace tools`

// cleanupFlags are the flags of cleanup.
type cleanupFlags struct {
	cleanup.Options

	cluster clusterFlags
}

func (a *app) cleanupCommand() *cobra.Command {
	f := &cleanupFlags{Options: cleanup.Options{Keep: plan.DefaultOptions().DrainDelay}}
	cmd := &cobra.Command{
		Use:     "cleanup",
		Short:   "Remove from a cluster what the operator has made",
		Long:    cleanupLong,
		Example: a.examples(cleanupExamples),
		Args:    noArgs,
		RunE:    a.run(func(ctx context.Context, _ []string) error { return a.cleanup(ctx, f) }),
	}
	f.add(cmd.Flags())
	acceptOldNames(cmd.Flags())
	a.completeFlags(cmd, &f.cluster, func(context.Context) []string { return nil })
	return cmd
}

func (f *cleanupFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.Namespaces, "namespaces", nil, "`namespaces` to clean, and the only ones to read (default all)")
	f.cluster.add(flags)
	flags.StringVar(&f.LeaseNamespace, "lease-namespace", "overrides-system", "`namespace` of the operator's lease")
	flags.StringVar(&f.Instance, "instance", "", "`name` of the installation whose objects are removed, with those that name none; * for all (default NAMESPACE/overrides-operator, of the lease)")
	flags.DurationVar(&f.LeaseTimeout, "lease-timeout", time.Minute, "`time` to wait for an operator to end")
	flags.DurationVar(&f.Keep, "drain-delay", f.Keep, "`time` for which subsets stay after the routes to them")
	flags.BoolVar(&f.CRD, "crd", false, "delete the definition of OverridePolicy too, if there is no policy")
	flags.BoolVar(&f.Gates, "readiness-gates", true, "open readiness gates of the operator's that are shut")
	flags.BoolVar(&f.DryRun, "dry-run", false, "say what would be done, and do nothing")
}

// check returns a usage error for values that can't be used.
func (f *cleanupFlags) check() error {
	for _, n := range f.Namespaces {
		if err := grammar.ValidateNamespace(n); err != nil {
			return usagef("--namespaces: %w", err)
		}
	}
	if err := grammar.ValidateNamespace(f.LeaseNamespace); err != nil {
		return usagef("--lease-namespace: %w", err)
	}
	if f.Keep < 0 {
		return usagef("--drain-delay: %v is negative", f.Keep)
	}
	if f.LeaseTimeout <= 0 {
		return usagef("--lease-timeout: %v is no time to wait", f.LeaseTimeout)
	}
	return nil
}

func (a *app) cleanup(ctx context.Context, f *cleanupFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	config, _, err := f.cluster.load()
	if err != nil {
		return err
	}
	f.Report = func(line string) { fmt.Fprintln(a.Out, line) }
	f.Warn = func(line string) { a.say("%s", line) }
	return cleanup.Run(ctx, config, f.Options)
}
