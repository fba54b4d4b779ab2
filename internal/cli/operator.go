package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/operator"
)

const operatorLong = `Operator keeps a cluster's configuration equal to the output of generate, and runs until it
is terminated. It manages the namespaces with the label overrides.mesh/enabled=true, those
named by --namespaces, or all.

It makes a subset when the first pod of a version exists and a route when one is ready, and
keeps everything that routes have named until no proxy can have such a route any more. It
never changes objects that it did not make. When it is down, its objects stay in force.

Events on Services tell which versions requests can ask for. The status of each
OverridePolicy tells whether it is in force, and so does that of each GatewayOverridePolicy
with --gateway-policies. /healthz and /readyz are served on the probe
address, /metrics on the metrics address.`

const operatorExamples = `# run in the foreground, for labelled namespaces
kubectl label namespace shop overrides.mesh/enabled=true
overrides operator

# log what would be written, and write nothing
overrides operator --all-namespaces --dry-run

# run with several replicas, one of which writes
overrides operator --leader-elect --lease-namespace overrides-system`

// operatorFlags are the flags of the operator.
type operatorFlags struct {
	operator.Options

	cluster    clusterFlags
	istiodSync format
	log        logFlags
}

func (a *app) operatorCommand() *cobra.Command {
	f := &operatorFlags{Options: operator.DefaultOptions()}
	cmd := &cobra.Command{
		Use:     "operator",
		Short:   "Keep a cluster's configuration up to date",
		Long:    operatorLong,
		Example: a.examples(operatorExamples),
		Args:    noArgs,
		RunE:    a.run(func(ctx context.Context, _ []string) error { return a.operate(ctx, f) }),
	}
	f.add(cmd.Flags())
	acceptOldNames(cmd.Flags())
	a.completeFlags(cmd, &f.cluster, func(context.Context) []string { return nil })
	return cmd
}

func (f *operatorFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.Namespaces, "namespaces", nil, "`namespaces` to manage. Only these and Istio's root namespace are read (default those labelled overrides.mesh/enabled=true)")
	flags.BoolVarP(&f.AllNamespaces, "all-namespaces", "A", false, "manage all namespaces")
	f.cluster.addCluster(flags)
	addModelOptions(flags, &f.Model)
	flags.StringSliceVar(&f.Revisions, "istio-revision", nil, "`revision` of Istio whose mesh configuration is read in addition to the default revision's. Repeatable")
	flags.DurationVar(&f.Plan.PropagationDelay, "propagation-delay", f.Plan.PropagationDelay, "`time` to wait after a write until proxies have received it")
	f.addIstiod(flags)
	flags.DurationVar(&f.Plan.DrainDelay, "drain-delay", f.Plan.DrainDelay, "`time` to keep a subset or a pin that is no longer needed")
	flags.BoolVar(&f.DryRun, "dry-run", false, "have the API server check each write, and log it; store nothing")
	flags.BoolVar(&f.LeaderElection, "leader-elect", false, "for several replicas: only the holder of a lease writes")
	flags.StringVar(&f.LeaseNamespace, "lease-namespace", "", "`namespace` of the lease (default the pod's)")
	flags.StringVar(&f.Instance, "instance", "", "`name` of this installation, written as an annotation to its objects. Objects that name another one are not changed (default NAMESPACE/overrides-operator, with the namespace of the lease)")
	f.addLease(flags)
	flags.StringVar(&f.MetricsAddress, "metrics-bind-address", f.MetricsAddress, "`address` of /metrics; 0 for none")
	flags.StringVar(&f.ProbeAddress, "health-probe-bind-address", f.ProbeAddress, "`address` of /healthz and /readyz; 0 for none")
	flags.StringVar(&f.ProfileAddress, "pprof-bind-address", f.ProfileAddress, "`address` of /debug/pprof; 0 for none")
	flags.BoolVar(&f.GatewayPolicies, "gateway-policies", false, "write the EnvoyFilters and AuthorizationPolicies that GatewayOverridePolicies ask for. Needs permissions for them, which the chart grants with gatewayPolicies.enabled")
	f.addGrants(flags)
	f.addGate(flags)
	f.log.add(flags)
}

func (f *operatorFlags) addLease(flags *pflag.FlagSet) {
	l := &f.Lease
	flags.DurationVar(&l.Duration, "lease-duration", l.Duration, "`time` after which another replica takes over from a leader that is gone; whole seconds")
	flags.DurationVar(&l.RenewDeadline, "lease-renew-deadline", l.RenewDeadline, "`time` for which a leader tries to renew its lease before it stops writing. One request may take half of that")
	flags.DurationVar(&l.RetryPeriod, "lease-retry-period", l.RetryPeriod, "`time` between attempts to acquire or renew the lease")
	flags.DurationVar(&f.RequestTimeout, "request-timeout", f.RequestTimeout, "`time` to wait for the API server and its webhooks to answer a request that is not a watch; 0 means no limit")
}

func (f *operatorFlags) addIstiod(flags *pflag.FlagSet) {
	f.istiodSync = format{value: "auto", allowed: []string{"auto", "off"}}
	flags.Var(&f.istiodSync, "istiod-sync", "whether to ask istiod, if allowed, what proxies have received, instead of waiting")
	flags.DurationVar(&f.PropagationDelayMax, "propagation-delay-max", f.PropagationDelayMax, "`time` to wait, instead of --propagation-delay, while istiod says that a proxy has not received a write")
	flags.StringVar(&f.Istiod.ServiceAccount, "istiod-service-account", f.Istiod.ServiceAccount, "`name` of the service account in Istio's root namespace to use for requests to istiod")
	flags.StringSliceVar(&f.Istiod.Addresses, "istiod-address", nil, "`addresses` (HOST:PORT) of istiod, if it is not behind Services labelled app=istiod in Istio's root namespace")
}

func (f *operatorFlags) addGrants(flags *pflag.FlagSet) {
	g := &f.Grants
	flags.BoolVar(&g.Enabled, "grants", false, "answer OverrideGrants with tokens, and serve the public keys. Needs permissions for it, which the chart grants with grants.enabled")
	flags.StringVar(&g.Namespace, "grants-namespace", "", "`namespace` of the Secret with the keys that sign tokens (default the lease's, or the pod's)")
	flags.StringVar(&g.Secret, "grants-secret", g.Secret, "`name` of that Secret, which the operator makes")
	flags.StringVar(&g.Address, "grants-bind-address", g.Address, "`address` of the public keys, "+operator.KeysPath+", for proxies")
	flags.DurationVar(&g.Lifetime, "grants-token-lifetime", g.Lifetime, "longest `time` that a token is valid; a grant that lasts longer gets several. Whole seconds")
	flags.DurationVar(&g.Keys.RotateAfter, "grants-rotate-after", g.Keys.RotateAfter, "`age` at which a key gets a successor")
	flags.DurationVar(&g.Keys.PublishBefore, "grants-publish-before", g.Keys.PublishBefore, "`time` for which a key is published before it signs. Longer than proxies keep keys")
}

func (f *operatorFlags) addGate(flags *pflag.FlagSet) {
	g := &f.Gate
	flags.BoolVar(&g.Enabled, "readiness-gate", false, "keep pods that are not released unready until ordinary traffic is pinned. Needs the webhook of the chart, or of config/install/readiness-gate.yaml")
	flags.DurationVar(&g.Timeout, "readiness-gate-timeout", 0, "`time` after which such a pod becomes ready although ordinary traffic is not pinned; 0 means never")
	flags.StringVar(&g.Address, "webhook-bind-address", g.Address, "`address` of the webhook that gives pods the gate")
	flags.StringVar(&g.Namespace, "webhook-namespace", "", "`namespace` of the webhook's Service and Secret (default the lease's, or the pod's)")
	flags.StringVar(&g.Service, "webhook-service", g.Service, "`name` of the webhook's Service")
	flags.StringVar(&g.Secret, "webhook-secret", g.Secret, "`name` of the Secret for the webhook's certificate. It must exist, and is empty at first")
	flags.StringVar(&g.Configuration, "webhook-configuration", g.Configuration, "`name` of the MutatingWebhookConfiguration whose caBundle the operator sets")
	flags.StringSliceVar(&g.Hosts, "webhook-host", nil, "further `hosts` of the webhook's certificate, if it is called by a URL")
}

// check returns a usage error for invalid values.
func (f *operatorFlags) check() error {
	if f.AllNamespaces && len(f.Namespaces) > 0 {
		return usagef("--namespaces and --all-namespaces can't be combined")
	}
	for _, n := range f.Namespaces {
		if err := grammar.ValidateNamespace(n); err != nil {
			return usagef("--namespaces: %w", err)
		}
	}
	for _, r := range f.Revisions {
		if len(validation.IsDNS1123Label(r)) > 0 {
			return usagef("--istio-revision: %q: want a-z, 0-9 and \"-\", beginning and ending with a letter or digit", r)
		}
	}
	if f.Model.GatewayDefault.Strip && !f.GatewayPolicies {
		return usagef("--gateway-default Strip needs --gateway-policies: the operator removes overrides with EnvoyFilters")
	}
	for name, d := range map[string]time.Duration{
		"--propagation-delay": f.Plan.PropagationDelay, "--propagation-delay-max": f.PropagationDelayMax, "--drain-delay": f.Plan.DrainDelay,
		"--readiness-gate-timeout": f.Gate.Timeout,
	} {
		if d < 0 {
			return usagef("%s: %v is negative", name, d)
		}
	}
	for _, err := range []error{f.Lease.Check(), f.Grants.Check(), operator.CheckRequestTimeout(f.RequestTimeout)} {
		if err != nil {
			return usagef("%w", err)
		}
	}
	return checkOptions(&f.Model)
}

func (a *app) operate(ctx context.Context, f *operatorFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	config, _, err := f.cluster.load()
	if err != nil {
		return err
	}
	f.AskIstiod = f.istiodSync.value == "auto"
	log := a.logger(&f.log)
	operator.LogTo(log)
	return operator.Run(ctx, config, f.Options, log)
}
