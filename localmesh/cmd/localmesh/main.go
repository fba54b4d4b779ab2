// Command localmesh runs a Kubernetes control plane on loopback.
//
//	localmesh build       build its programs, if they are not in the cache yet
//	localmesh up [FILE…]  start it with Istio's CustomResourceDefinitions and
//	                      those in FILEs, print the path of its kubeconfig, and
//	                      stay until interrupted
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

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program"
)

const usage = `usage: localmesh build
       localmesh up [FILE...]
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
	switch {
	case len(args) == 1 && args[0] == "build":
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
	case len(args) > 0 && args[0] == "up":
		return up(ctx, args[1:])
	}
	fmt.Fprint(os.Stderr, usage)
	return errors.New("no such command")
}

func up(ctx context.Context, crds []string) (err error) {
	server, err := controlplane.Start(ctx, controlplane.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	istio, err := controlplane.IstioCRDs(ctx)
	if err != nil {
		return err
	}
	if err := server.InstallCRDs(ctx, append([]string{istio}, crds...)...); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, server.Kubeconfig)
	<-ctx.Done()
	return nil
}
