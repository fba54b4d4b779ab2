package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// pollInterval is how often an Envoy is asked whether it is as far as it should be.
	pollInterval = 5 * time.Millisecond
	// patience is how long that may take. Nothing depends on it but how long it
	// takes until something that is broken is said to be.
	patience = 60 * time.Second
	// stopTimeout is how long an Envoy may take to end before it is killed.
	stopTimeout = 5 * time.Second
)

// errEnded says that an Envoy ended by itself.
var errEnded = errors.New("envoy ended")

// process is a running Envoy.
type process struct {
	cmd     *exec.Cmd
	logFile string
	// ended is closed when it has ended.
	ended chan struct{}
}

func startProcess(ctx context.Context, o *Options) (*process, error) {
	p := &process{logFile: filepath.Join(o.Dir, "log"), ended: make(chan struct{})}
	log, err := os.Create(p.logFile)
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	// stop ends it, or the guard: not ctx, which would kill it in the midst of
	// requests.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), o.Binary,
		"-c", filepath.Join(o.Dir, bootstrapFile),
		"--concurrency", "1",
		"--disable-hot-restart",
		"--log-level", "warning",
		"--drain-time-s", "1",
	)
	p.cmd.Dir = o.Dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start envoy: %w", err)
	}
	pid := p.cmd.Process.Pid
	if err := o.Guard.watch(pid); err != nil {
		return nil, errors.Join(err, p.cmd.Process.Kill(), p.cmd.Wait())
	}
	go func() {
		_ = p.cmd.Wait()
		_ = o.Guard.forget(pid)
		close(p.ended)
	}()
	return p, nil
}

// await polls until done reports true or an error. It is an error if the Envoy
// ends before that, and one that takes too long: with the end of its log.
func (p *process) await(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
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
		case <-p.ended:
			return fmt.Errorf("%s: %w: %v%s", what, errEnded, p.cmd.ProcessState, p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w%s", what, context.Cause(ctx), p.logTail())
		case <-ticker.C:
		}
	}
}

// logTail returns the last lines of the log, on lines of their own.
func (p *process) logTail() string {
	const most = 2048
	data, err := os.ReadFile(p.logFile)
	data = bytes.TrimSpace(data)
	if err != nil || len(data) == 0 {
		return ""
	}
	if len(data) > most {
		data = data[len(data)-most:]
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	return "\n" + string(data)
}

// stop ends the Envoy, by force if it takes too long.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop envoy: %w", err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill envoy: %w", err)
	}
	<-p.ended
	return nil
}
