// Overrides routes single requests to deployed versions of services that are
// not released. See the package cli for its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/overrides-mesh/overrides/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends what is going on, a second one ends the program.
	context.AfterFunc(ctx, stop)
	// A reader that has seen enough is told apart from other errors of writing.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
