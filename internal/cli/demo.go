package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/report"
)

const demoLong = `Demo runs a chain of services on this machine, without a cluster: each pod is an HTTP
server on loopback, and each workload has a real Envoy for its calls, configured from the
same route tables as a mesh. It prints commands to try, and runs until Ctrl-C, which
leaves nothing behind.

The chain has five services and a shim for their database, each in versions v1 and v2, and
two callers of a service that they share.

It needs an Envoy: $ENVOY, the one that tools/envoy/install put into .cache of a checkout,
or the one on the PATH.`

const demoExamples = `# run the chain, and try the commands that are printed
overrides demo

# play the whole demo and exit, with 1 if a request took a wrong path
overrides demo --script

# the same where only tokens count: a header that somebody writes by hand is ignored
overrides demo --trust --script

# follow a folder: start and stop services as their manifests are added and removed
cp -r examples/chain shop && overrides demo --dir shop`

type demoFlags struct {
	script   bool
	trust    bool
	dir      string
	port     portValue
	duration time.Duration
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Run the sample services here, each with an Envoy",
		Long:    demoLong,
		Example: a.examples(demoExamples),
		Args:    noArgs,
		RunE:    a.run(func(ctx context.Context, _ []string) error { return a.demo(ctx, &f) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.script, "script", false, "play the whole demo and exit")
	flags.BoolVar(&f.trust, "trust", false, "take overrides from tokens alone, of a key that the demo makes")
	flags.StringVar(&f.dir, "dir", "", "`folder` of manifests to run, instead of the chain, and to follow. The demo sends requests all the time, and exits with 1 if one is lost")
	_ = cmd.MarkFlagDirname("dir")
	flags.DurationVar(&f.duration, "duration", 0, "`time` after which a demo with --dir ends, such as 30s")
	flags.Var(&f.port, "port", "`port` on the loopback address for requests (default 8080, or another one if that is taken)")
	return cmd
}

func (a *app) demo(ctx context.Context, f *demoFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	envoy, err := demo.FindEnvoy(os.Getenv("ENVOY"))
	if err != nil {
		return err
	}
	options := demo.Options{
		Envoy: envoy, Port: uint16(f.port), Trust: f.trust, Out: a.Out, Err: a.Err,
		OutTerminal: isTerminal(a.Out), ErrTerminal: isTerminal(a.Err),
	}
	if f.dir != "" && !f.script {
		return demo.Follow(ctx, options, demo.FollowOptions{
			Dir: f.dir, Model: model.DefaultOptions(), Duration: f.duration, Tell: a.tellDemo,
		})
	}
	state, err := f.read(ctx)
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

// check returns a usage error for flags that don't go together.
func (f *demoFlags) check() error {
	if f.duration != 0 && (f.dir == "" || f.script) {
		return usagef("--duration needs --dir, without --script")
	}
	if f.duration < 0 {
		return usagef("--duration: %v is negative", f.duration)
	}
	if f.trust && f.dir != "" {
		return usagef("--trust runs the sample chain: leave out --dir")
	}
	if f.dir == "" {
		return nil
	}
	info, err := os.Stat(f.dir)
	switch {
	case err != nil:
		return usagef("--dir: %w", err)
	case !info.IsDir():
		return usagef("--dir: %s is not a folder", f.dir)
	}
	return nil
}

func (f *demoFlags) read(ctx context.Context) (*demo.State, error) {
	if f.dir != "" {
		return demo.Folder(ctx, f.dir, model.DefaultOptions())
	}
	return demo.Embedded(ctx, examples.Chain, "chain", model.DefaultOptions())
}

// tellDemo writes warnings and errors to stderr.
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
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
