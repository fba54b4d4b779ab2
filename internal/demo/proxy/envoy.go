package proxy

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/overrides-mesh/overrides/internal/process"
)

const (
	// pollInterval is the interval at which an Envoy's state is polled.
	pollInterval = 5 * time.Millisecond
	// patience limits the wait for that state. Only the time until a fault is reported
	// depends on it.
	patience = 60 * time.Second
)

// errEnded means that an Envoy ended by itself.
var errEnded = errors.New("envoy ended")

// run starts the Envoy, and lets the guard watch it while it runs.
func (p *Proxy) run(ctx context.Context) error {
	// Stop or the guard ends it, but not ctx, which would kill it in the middle of
	// requests.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.options.Binary,
		"-c", p.path(bootstrapFile),
		"--concurrency", "1",
		"--disable-hot-restart",
		"--log-level", "warning",
		"--drain-time-s", "1",
	)
	cmd.Dir = p.options.Dir
	started, err := process.Start(cmd, p.path(logFile))
	if err != nil {
		return err
	}
	guard, id := p.options.Guard, started.ID()
	if err := guard.watch(id); err != nil {
		return errors.Join(err, started.Kill())
	}
	p.process, p.ended = started, make(chan struct{})
	go func() {
		<-started.Ended()
		_ = guard.forget(id)
		close(p.ended)
	}()
	return nil
}

// await polls until done returns true or an error. It returns an error with the end of
// the log if the Envoy ends before that or takes too long.
func (p *Proxy) await(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		ok, err := done(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w%s", what, err, p.logTail())
		case ok:
			return nil
		}
		select {
		case <-p.process.Ended():
			return fmt.Errorf("%s: %w: %v%s", what, errEnded, p.process.State(), p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w%s", what, context.Cause(ctx), p.logTail())
		case <-ticker.C:
		}
	}
}

// logTail returns the last lines of the log, each on a line of its own.
func (p *Proxy) logTail() string {
	if tail := p.process.Tail(); tail != "" {
		return "\n" + tail
	}
	return ""
}
