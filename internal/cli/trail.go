package cli

import "github.com/spf13/cobra"

const trailLong = `A trail is the way of a request with an override: which services called which, which row of
routes was taken, and which version and pod served. Proxies report each such request to a
collector, and no other request.

Trail shows the trails of requests that others sent, with what became of each member of their
overrides; to send one, use overrides trace. Each service is judged by what its caller's proxy
did; with -f or a cluster it also says why.`

const trailExamples = `# one request, by an ID from a log
overrides trail --request-id 2c9f1a52-8a4e-4b7e-9b43-0c5d1d2f1f10

# those of a pull request, as they come
overrides trail --set pr-118 --follow

# the last ones for a version of one service, from a collector on this machine
overrides trail --member service-3:v2 --since 5m --collector http://127.0.0.1:9912`

func (a *app) trailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "trail", Short: "Show which way requests with overrides took",
		Long: trailLong, Example: a.examples(trailExamples), Args: noArgs,
	}
	a.addList(cmd)
	for _, c := range []*cobra.Command{a.trailReportCommand(), a.trailServeCommand(), a.trailFilterCommand()} {
		completeRest(c)
		cmd.AddCommand(c)
	}
	return cmd
}
