package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	readyTimeout = 60 * time.Second
	pollInterval = 20 * time.Millisecond
	// stopTimeout is how long a program may take to end before it is killed.
	stopTimeout = 10 * time.Second
)

// errEnded says that a program ended before it was ready.
var errEnded = errors.New("ended before it was ready")

// command is what is run, and how it is known that it is ready.
type command struct {
	path string
	args []string
	// env is added to our own environment.
	env []string
	// dir is the working directory; the log is dir/name.log.
	dir   string
	ready func(context.Context) error
}

// process is a running program.
type process struct {
	name    string
	logFile string
	command command
	cmd     *exec.Cmd
	// ended is closed when the program has ended; cmd then says how.
	ended chan struct{}
}

// startProcess runs a program; what it wrote before it was started again stays
// in its log.
func startProcess(c command) (*process, error) {
	p := &process{name: filepath.Base(c.path), command: c, ended: make(chan struct{})}
	p.logFile = filepath.Join(c.dir, p.name+".log")
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	// It outlives the start, so no context ends it: stop does.
	p.cmd = exec.Command(c.path, c.args...) //nolint:noctx // see above
	p.cmd.Dir = c.dir
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = childAttributes()

	started := make(chan error, 1)
	go func() {
		// The kernel ends a child with the thread that started it, so that
		// thread stays for as long as the child runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// waitReady polls until the program is ready. It is an error if it ends before
// that, with the end of its log.
func (p *process) waitReady(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, readyTimeout, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.ended:
			return false, fmt.Errorf("%s %w: %v\n%s", p.name, errEnded, p.cmd.ProcessState, p.logTail())
		default:
		}
		last = p.command.ready(ctx)
		return last == nil, nil
	})
	if err != nil && wait.Interrupted(err) {
		return fmt.Errorf("%s is not ready: %w\n%s", p.name, errors.Join(err, last), p.logTail())
	}
	return err
}

// logTail returns the last lines of the program's log.
func (p *process) logTail() []byte {
	const most = 2048
	data, err := os.ReadFile(p.logFile)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(data[max(0, len(data)-most):])
}

// stop ends the program, by force if it takes too long.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.ended
	return nil
}
