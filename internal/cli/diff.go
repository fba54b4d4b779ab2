package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
)

const diffLong = `Diff shows what applying the output of generate would change in the cluster or, with
--against, in a folder of manifests.

It compares only objects that Overrides made (label app.kubernetes.io/managed-by:
overrides). Objects that are no longer generated are shown as deletions; in a cluster, only
in the namespaces of the input's Services. Fields that a server fills in are ignored.

The exit code is 1 if there is a difference.`

const diffExamples = `# show what would change in the cluster
overrides diff -f examples/chain

# check that the committed output is up to date
overrides diff -f deploy/ --against deploy/overrides.yaml

# print names only
overrides diff -f examples/chain -o name`

// diffOptions are the flags of diff.
type diffOptions struct {
	*input
	output  format
	against string
}

func (a *app) diffCommand() *cobra.Command {
	o := &diffOptions{}
	cmd := &cobra.Command{
		Use:     "diff",
		Short:   "Show what generate would change",
		Long:    diffLong,
		Example: a.examples(diffExamples),
		Args:    noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.diff(ctx, o)
		}),
	}
	cmd.Flags().StringVar(&o.against, "against", "", "`file` or folder with the objects to compare with, - is stdin (default the cluster)")
	_ = cmd.MarkFlagFilename("against")
	addFormat(cmd, &o.output, "output format", "text", "name")
	o.input = a.addInput(cmd)
	addSelector(cmd, o.input)
	return cmd
}

func (a *app) diff(ctx context.Context, o *diffOptions) error {
	if o.against == "-" && slices.Contains(o.filenames, "-") {
		return usagef("--against -: stdin can be read only once")
	}
	s, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	a.tell(o.input, s.diags)
	there, err := a.existing(ctx, o, s)
	if err != nil {
		return err
	}
	changes, err := compare(there, s.generated)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := a.writeChange(o, c); err != nil {
			return err
		}
	}
	if len(changes) == 0 {
		a.say("no differences")
		return verdict(s.diags, o.strict)
	}
	a.say("%s", summary(changes))
	return errReported
}

// writeChange writes one difference.
func (a *app) writeChange(o *diffOptions, c change) error {
	if o.output.value == "name" {
		_, err := fmt.Fprintf(a.Out, "%s %s\n", c.verb(), c.object)
		return err
	}
	from, to := "a/"+c.path(), "b/"+c.path()
	switch {
	case c.old == nil:
		from = "/dev/null"
	case c.new == nil:
		to = "/dev/null"
	}
	_, err := a.Out.Write(diff.Diff(from, c.old, to, c.new))
	return err
}
