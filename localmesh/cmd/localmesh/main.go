// Command localmesh runs a Kubernetes and Istio mesh on this machine, without
// containers and without root (Linux).
//
//	localmesh build                        build its programs, if they are not in the cache yet
//	localmesh up [flags] [FILE|DIR...]     start a mesh, apply the manifests, and stay until interrupted
//	localmesh demo [flags]                 the same with the sample chain and its overrides
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

const usage = `usage: localmesh build
       localmesh up [--image REPOSITORY=PROGRAM]... [--crd FILE]... [--revision NAME]... [--mtls] [FILE|DIR]...
       localmesh demo [--script] [--sample PROGRAM] [--overrides PROGRAM]
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "localmesh:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, []string) error{"build": build, "up": up, "demo": demo}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("no such command")
	}
	return commands[args[0]](ctx, args[1:])
}

func build(ctx context.Context, _ []string) error {
	for _, module := range []program.Module{program.Kubernetes(), program.Istio()} {
		paths, err := program.Build(ctx, module, os.Stderr)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(paths)) {
			fmt.Fprintln(os.Stdout, paths[name])
		}
	}
	return nil
}
