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

const cleanupLong = `Cleanup removes the objects of the operator from a cluster, in an order in which no
request fails: first VirtualServices; then, once proxies have dropped these,
DestinationRules; then the status of OverridePolicies and the operator's lease. It opens
the readiness gates of pods that wait for them.
Cleanup names, and does not change, objects that others have made or applied too, and
objects of another installation of the operator (--instance). It keeps OverridePolicies.
It keeps their definition too, unless --crd is given and there is no policy.

Without its route, a Service sends ordinary traffic to all its ready pods again,
previews included. Delete or scale down previews that must not get any first.

Cleanup holds the operator's lease while it works, so that no operator writes meanwhile.
It waits for an operator that still runs, which would make everything again: stop the
operator first. Uninstalling the Helm chart does all of this by itself.`

const cleanupExamples = `# print what would be removed, and remove nothing
overrides cleanup --dry-run

# stop the operator, then remove what it made
kubectl delete deployment overrides-operator -n overrides-system
overrides cleanup

# clean up after an operator of two namespaces with its lease in a third
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
		Short:   "Remove the operator's objects from a cluster",
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
	flags.StringSliceVar(&f.Namespaces, "namespaces", nil, "`namespaces` to read and clean up (default all)")
	f.cluster.add(flags)
	flags.StringVar(&f.LeaseNamespace, "lease-namespace", "overrides-system", "`namespace` of the operator's lease")
	flags.StringVar(&f.Instance, "instance", "", "`name` of the installation whose objects are removed, along with objects that name none; * means all (default NAMESPACE/overrides-operator, with the namespace of the lease)")
	flags.DurationVar(&f.LeaseTimeout, "lease-timeout", time.Minute, "`time` to wait for a running operator to stop")
	flags.DurationVar(&f.Keep, "drain-delay", f.Keep, "`time` to keep subsets after the routes to them are deleted")
	flags.BoolVar(&f.CRD, "crd", false, "delete the definitions of OverridePolicy and GatewayOverridePolicy too, if there is no policy")
	flags.BoolVar(&f.Gates, "readiness-gates", true, "open the operator's readiness gates that are closed")
	flags.BoolVar(&f.DryRun, "dry-run", false, "print what would be done, and do nothing")
}

// check returns a usage error for invalid values.
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
		return usagef("--lease-timeout: %v is not a time to wait", f.LeaseTimeout)
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
