package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/report"
)

const proveLong = `Prove says what was compared before anything is printed or written: for every class
of callers, name and port that an object of Overrides touches, the routes that an
ordinary request takes without these objects and with them. They are equal but for
the pin, which holds ordinary requests to the released pods. An object that would
change ordinary requests is left out, here as in generate and the operator; prove
lists it, with the callers and the change. The exit code is 1 then.

It also lists the doors of each Service that has previews: all ways to its pods, and
whether ordinary requests are kept from previews there. A door that is not pinned is a
warning, as in check.`

const proveExamples = `# what is compared, what is left out, and which doors there are
overrides prove -f examples/chain

# what runs in a cluster, for a program
overrides prove -A -o json

# fail a pipeline for doors that are not pinned too
overrides prove -f deploy/ --strict-diagnostics`

// proveOptions are the flags of prove.
type proveOptions struct {
	*input
	output format
}

func (a *app) proveCommand() *cobra.Command {
	o := &proveOptions{}
	cmd := &cobra.Command{
		Use:     "prove",
		Short:   "Prove that ordinary traffic stays as it is",
		Long:    proveLong,
		Example: a.examples(proveExamples),
		Args:    cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.prove(ctx, o)
		}),
	}
	addFormat(cmd, &o.output, "how to write what was found", "text", "json")
	o.input = addInput(cmd)
	return cmd
}

func (a *app) prove(ctx context.Context, o *proveOptions) error {
	s, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	a.tell(o.input, s.diags)
	proof := s.report()
	write := report.ProofText
	if o.output.value == "json" {
		write = report.ProofJSON
	}
	if err := write(a.Out, proof); err != nil {
		return err
	}
	if len(proof.Refused) > 0 {
		return errReported
	}
	return verdict(s.diags, o.strict)
}

// report is the proof of what is spoken of. The counts are of all that was read.
func (s *state) report() *report.Proof {
	return &report.Proof{
		Compared: s.proof.Compared,
		Refused: slices.DeleteFunc(slices.Clone(s.proof.Refused), func(f prove.Failure) bool {
			return s.namespace != "" && f.Object.Namespace != s.namespace
		}),
		Split:    s.proof.Split,
		Services: report.DoorsOf(s.services()),
	}
}
