package sample

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Process is the program's interface to the system.
type Process struct {
	// Args are the arguments after its name.
	Args           []string
	Getenv         func(string) string
	Stdout, Stderr io.Writer
}

// Main is the program. It handles the signals of the process, and returns its exit code:
// 0 after SIGTERM, 1 if it crashed or could not serve, 2 if its configuration was
// invalid.
func Main(ctx context.Context, p Process) int {
	log := slog.New(slog.NewTextHandler(p.Stderr, nil))
	if len(p.Args) > 0 {
		if p.Args[0] == "-h" || p.Args[0] == "-help" || p.Args[0] == "--help" {
			Usage(p.Stdout)
			return exitFine
		}
		Usage(p.Stderr)
		return exitUsage
	}
	config, err := Parse(p.Getenv)
	if err != nil {
		log.Error("bad environment", "error", err)
		return exitUsage
	}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if config.IgnoreTerm {
		signal.Ignore(syscall.SIGTERM)
		signals = signals[:1]
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	// A second signal ends the program at once.
	defer context.AfterFunc(ctx, stop)()
	if err := Run(ctx, config, log); err != nil {
		log.Error("ended", "error", err)
		return exitFailed
	}
	return exitFine
}
