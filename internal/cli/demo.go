package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/report"
)

const demoLong = `Demo runs a chain of services on this machine, without a cluster: each pod is an
HTTP server on loopback, each workload has a real Envoy for its calls, configured
from the same route tables as a mesh. It prints commands to try, and runs until
Ctrl-C, which leaves nothing behind.

The chain has five services and a shim for their database, each in versions v1 and
v2, and two callers of a service that they share.

It needs an Envoy: $ENVOY, the one that tools/envoy/install has put into .cache of a
checkout, or the one on the PATH.`

const demoExamples = `# run the chain, and try the commands that are printed
overrides demo

# play the whole demo and exit, with 1 if a request took a wrong path
overrides demo --script`

type demoFlags struct {
	script bool
	port   uint16
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Run the sample services here, each with an Envoy",
		Long:    demoLong,
		Example: a.examples(demoExamples),
		Args:    cobra.NoArgs,
		RunE:    a.run(func(ctx context.Context, _ []string) error { return a.demo(ctx, &f) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.script, "script", false, "play the demo of the talk and exit")
	flags.Uint16Var(&f.port, "port", 0, "`port` of the loopback address that takes requests (default 8080, or another if that is taken)")
	return cmd
}

func (a *app) demo(ctx context.Context, f *demoFlags) error {
	envoy, err := demo.FindEnvoy(os.Getenv("ENVOY"))
	if err != nil {
		return err
	}
	options := demo.Options{
		Envoy: envoy, Port: f.port, Out: a.Out, Err: a.Err,
		OutTerminal: isTerminal(a.Out), ErrTerminal: isTerminal(a.Err),
	}
	state, err := demo.Embedded(ctx, examples.Chain, "chain", model.DefaultOptions())
	if err != nil {
		return err
	}
	a.tellDemo(state.Diagnostics)
	if state.Broken() {
		return errReported
	}
	if f.script {
		return demo.Script(ctx, options, state)
	}
	return demo.Run(ctx, options, state)
}

// tellDemo writes diagnostics to people, but those that need no action.
func (a *app) tellDemo(list []diag.Diagnostic) {
	in := &input{quiet: true}
	_ = report.Text(a.Err, in.wanted(list))
}

// isTerminal reports whether w writes to a terminal.
func isTerminal(w any) bool {
	if p, ok := w.(*pipe); ok {
		w = p.w
	}
	file, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd())) //nolint:gosec // a file descriptor
}
