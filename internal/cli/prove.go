package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/report"
	"github.com/overrides-mesh/overrides/internal/source"
)

const proveLong = `Prove shows the comparison that generate and the operator make before they print or write
anything. For every class of callers, name and port that an object of Overrides touches, it
compares the routes that an ordinary request takes without these objects and with them.
They are equal except for the pin, which sends ordinary requests to released pods only. An
object that would change ordinary requests is left out, here as in generate and the
operator. Prove lists it, with the callers and the change, and exits with 1.

Prove also lists the doors of each Service that has previews: all ways to its pods, and
whether ordinary requests are kept from previews there. A door that is not pinned is a
warning, as in check.

With --before, prove compares two states of the manifests instead, for example before and
after a pull request: does the change alter ordinary requests? For every class of callers
and every name of a Service or VirtualService in either state, the routes must be the same,
with the policies of their destinations, and must reach the same workloads with the same
labels. A new preview changes nothing; releasing a version does. Pods are compared by the
labels of their templates that a route or a selector uses; other labels that differ are
listed. The exit code is 1 if there is a change. Routes of gateways, and TCP and TLS
routes, are not compared: VirtualServices that have any and differ are listed. So are doors other than sidecars through which ordinary requests would
newly reach previews.`

const proveExamples = `# show what is compared, what is left out, and all doors
overrides prove -f examples/chain

# prove the configuration of a cluster, as JSON
overrides prove -A -o json

# fail if a pull request changes ordinary traffic
git worktree add base origin/main
overrides prove -f deploy/ --before base/deploy

# fail for doors that are not pinned, too
overrides prove -f deploy/ --strict-diagnostics`

// proveOptions are the flags of prove.
type proveOptions struct {
	*input
	output format
	before string
}

func (a *app) proveCommand() *cobra.Command {
	o := &proveOptions{}
	cmd := &cobra.Command{
		Use:     "prove",
		Short:   "Prove that ordinary traffic stays as it is",
		Long:    proveLong,
		Example: a.examples(proveExamples),
		Args:    noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			if o.before != "" {
				return a.compareStates(ctx, o)
			}
			return a.prove(ctx, o)
		}),
	}
	cmd.Flags().StringVar(&o.before, "before", "", "`file` or folder with the manifests of an earlier state to compare with, - is stdin")
	_ = cmd.MarkFlagFilename("before")
	addFormat(cmd, &o.output, "output format", "text", "json")
	o.input = a.addInput(cmd)
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

// compareStates compares the state that --before names with the input.
func (a *app) compareStates(ctx context.Context, o *proveOptions) error {
	if o.before == "-" && slices.Contains(o.filenames, "-") {
		return usagef("--before -: stdin can be read only once")
	}
	after, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	a.tell(o.input, after.diags)
	before, err := a.readBefore(ctx, o)
	if err != nil {
		return err
	}
	difference := prove.Changes(before, prove.State{Snapshot: after.snapshot, Result: &after.result})
	if after.namespace != "" {
		narrow(&difference, after.namespace)
	}
	write := report.DifferenceText
	if o.output.value == "json" {
		write = report.DifferenceJSON
	}
	if err := write(a.Out, &difference); err != nil {
		return err
	}
	if len(difference.Changes) > 0 {
		return errReported
	}
	return verdict(after.diags, o.strict)
}

// readBefore reads the state that --before names, and proves it. It reports only input
// that can't be read: the other diagnostics are about an older state.
func (a *app) readBefore(ctx context.Context, o *proveOptions) (prove.State, error) {
	objects, diags, err := a.readFiles(ctx, []string{o.before}, source.FileOptions{Namespace: o.defaultNamespace()})
	if err != nil {
		return prove.State{}, fmt.Errorf("--before: %w", err)
	}
	snapshot, found := objects.Snapshot(o.options)
	diags = slices.DeleteFunc(append(diags, found...), func(d diag.Diagnostic) bool {
		// A folder without any object is valid here.
		return d.Severity != diag.Error || d.Code == diag.EmptyInput
	})
	a.tell(o.input, diags)
	if len(diags) > 0 {
		return prove.State{}, fmt.Errorf("--before %s: some objects can't be read", o.before)
	}
	made, err := generate.From(snapshot)
	if err != nil {
		return prove.State{}, fmt.Errorf("--before: %w", err)
	}
	return prove.State{Snapshot: snapshot, Result: &made.Result}, nil
}

// narrow removes from a difference everything that is not about Services and objects of a
// namespace.
func narrow(d *prove.Difference, namespace string) {
	d.Changes = slices.DeleteFunc(d.Changes, func(c prove.Change) bool {
		return c.Service.Namespace != "" && c.Service.Namespace != namespace
	})
	d.Opened = slices.DeleteFunc(d.Opened, func(o prove.Opened) bool { return o.Service.Namespace != namespace })
	d.NotCompared = slices.DeleteFunc(d.NotCompared, func(o diag.Object) bool { return o.Namespace != namespace })
}

// report returns the proof of the Services to report on. The counts are for the whole
// input.
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
