package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/report"
)

const checkLong = `Check reads the same input as generate, but prints only diagnostics: input that can't be
used, Services that are left alone and why, and routes that can't be made. All codes are
in docs/reference/diagnostics.md.

In SARIF form, code hosts show the findings beside the lines they are about.`

const checkExamples = `# check a folder of manifests
overrides check -f examples/chain

# fail a pipeline for warnings too
overrides check -q --strict-diagnostics -f deploy/

# for code scanning
overrides check -f deploy/ -o sarif > overrides.sarif`

func (a *app) checkCommand() *cobra.Command {
	var output format
	var in *input
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Print diagnostics only",
		Long:    checkLong,
		Example: a.examples(checkExamples),
		Args:    noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			s, err := a.read(ctx, in)
			if err != nil {
				return err
			}
			shown := in.wanted(s.diags)
			switch output.value {
			case "json":
				err = report.JSON(a.Out, shown)
			case "sarif":
				err = report.SARIF(a.Out, shown, readBuild().Version)
			default:
				if err = report.Text(a.Out, shown); err == nil {
					a.say("%s", checkSummary(s, in))
				}
			}
			if err != nil {
				return err
			}
			return verdict(s.diags, in.strict)
		}),
	}
	addFormat(cmd, &output, "output format", "text", "json", "sarif")
	in = a.addInput(cmd)
	in.forget = true
	addSelector(cmd, in)
	return cmd
}

func checkSummary(s *state, in *input) string {
	services := len(s.snapshot.Services)
	if s.namespace != "" || s.selected != nil {
		services = len(s.services())
	}
	shown := report.Count(in.wanted(s.diags))
	hidden := report.Count(s.diags).Infos - shown.Infos
	text := report.Number(services, "Service") + ": "
	switch {
	case hidden == 0:
		return text + shown.String()
	case shown == (report.Counts{}):
		return text + report.Number(hidden, "info") + " left out (-q)"
	}
	return text + shown.String() + ", " + report.Number(hidden, "info") + " left out (-q)"
}
