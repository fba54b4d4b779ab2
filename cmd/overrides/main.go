// Overrides routes single requests to deployed versions of services that are not
// released. Its commands are in package cli.
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
	// The first signal ends the command, a second one ends the program.
	context.AfterFunc(ctx, stop)
	// A reader that closed the pipe is distinguished from other errors of writing.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(cli.Main(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
