package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/trail/collect"
)

const trailServeLong = `Serve is the collector of trails: it receives what proxies report of requests with overrides,
holds it in memory within limits of bytes and age, and answers the queries of overrides trail.
It runs until it is terminated. The chart installs it with trail.enabled.

Proxies report with the EnvoyFilter that the chart, or overrides trail filter, makes. Routing
never depends on the collector: without it, proxies drop their reports.

/records is served on the answer address, /metrics, /healthz and /readyz on the status address.`

const trailServeExamples = `# run in the foreground
overrides trail serve

# one of several replicas, behind a headless Service
overrides trail serve --peers overrides-trail.overrides-system.svc.cluster.local`

// trailServeOptions are the flags of trail serve.
type trailServeOptions struct {
	collect.Options

	log logFlags
}

func (a *app) trailServeCommand() *cobra.Command {
	o := &trailServeOptions{Options: collect.DefaultOptions()}
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Collect what proxies report of requests with overrides",
		Long:    trailServeLong,
		Example: a.examples(trailServeExamples),
		Args:    noArgs,
		RunE:    a.run(func(ctx context.Context, _ []string) error { return a.trailServe(ctx, o) }),
	}
	defaults, flags := model.DefaultOptions(), cmd.Flags()
	flags.StringVar(&o.Reader.Header, "header-name", defaults.Header, "`name` of the override header")
	flags.StringVar(&o.Reader.VersionLabel, "version-label", defaults.VersionLabel, "pod `label` whose value is the version")
	flags.StringVar(&o.ReceiveAddress, "receive-bind-address", o.ReceiveAddress, "`address` for proxies, which send by gRPC")
	flags.StringVar(&o.AnswerAddress, "answer-bind-address", o.AnswerAddress, "`address` of "+collect.RecordsPath+", for queries")
	flags.StringVar(&o.StatusAddress, "status-bind-address", o.StatusAddress, "`address` of /metrics, /healthz and /readyz")
	flags.StringVar(&o.Peers, "peers", "", "`name` in DNS of all replicas, whose records answers have too")
	flags.IntVar(&o.MaxBytes, "max-bytes", o.MaxBytes, "memory of the records, in `bytes`; the oldest go for new ones")
	flags.DurationVar(&o.MaxAge, "max-age", o.MaxAge, "`time` for which records are held")
	flags.IntVar(&o.MaxStreams, "max-streams", o.MaxStreams, "`number` of streams of proxies; each has up to two for each of its workers")
	o.log.add(flags)
	return cmd
}

func (a *app) trailServe(ctx context.Context, o *trailServeOptions) error {
	if err := checkHeaderName(&o.Reader.Header); err != nil {
		return err
	}
	if err := discover.ValidateLabelKey(o.Reader.VersionLabel); err != nil {
		return usagef("--version-label: %q: %w", o.Reader.VersionLabel, err)
	}
	if err := o.Check(); err != nil {
		return usagef("%w", err)
	}
	collector, err := collect.Open(ctx, &o.Options, a.logger(&o.log))
	if err != nil {
		return err
	}
	return collector.Run(ctx)
}

// checkHeaderName returns a usage error for a name that no header can have, and writes others in
// lower case.
func checkHeaderName(name *string) error {
	*name = strings.ToLower(*name)
	if err := grammar.ValidateHeaderName(*name); err != nil {
		return usagef("--header-name: %w", err)
	}
	return nil
}
