package cli

import "github.com/spf13/cobra"

const trailLong = `A trail is the way of a request with an override: which services called which, which row of
routes was taken, and which version and pod served. Proxies report each such request to a
collector, and no other request.`

const trailExamples = `# have all proxies of the mesh report
overrides trail filter | kubectl apply -f -`

func (a *app) trailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "trail",
		Short:   "Show which way requests with overrides took",
		Long:    trailLong,
		Example: a.examples(trailExamples),
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []*cobra.Command{a.trailServeCommand(), a.trailFilterCommand()} {
		completeRest(c)
		cmd.AddCommand(c)
	}
	return cmd
}
