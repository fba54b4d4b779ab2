package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// stopTimeout is how long a program may take to end before it is killed.
const stopTimeout = 10 * time.Second

// Process is a program that runs, or has ended.
type Process struct {
	log string
	// offset is where in the log its output begins.
	offset int64
	cmd    *exec.Cmd
	ended  chan struct{}
}

// Start runs a command. Its output is added to the file log.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	defer output.Close()
	before, err := output.Stat()
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	p := &Process{log: log, offset: before.Size(), cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = output, output, attributes()
	started := make(chan error, 1)
	go func() {
		// The kernel ends a child with the thread that started it, so that
		// thread stays for as long as the child runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name(), err)
	}
	return p, nil
}

func (p *Process) name() string { return filepath.Base(p.cmd.Path) }

// ID is that of the process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Signal sends it a signal.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// Stop ends it, by force if it takes longer than ten seconds, and waits for that. It is
// no error if it has ended already.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name(), err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		return p.Kill()
	}
}

// Kill ends it by force, and waits for that. It is no error if it has ended already.
func (p *Process) Kill() error {
	if err := p.Signal(os.Kill); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name(), err)
	}
	<-p.ended
	return nil
}

// Ended is closed when it has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// State says how it has ended; it is nil before.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.ended:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// Log returns its output so far, or the reason why that can't be read.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[min(p.offset, int64(len(text))):])
}

// Tail returns the last lines of its output, without white space around them.
func (p *Process) Tail() string {
	const most = 4096
	text := []byte(p.Log())
	if len(text) > most {
		text = text[len(text)-most:]
		if _, lines, ok := bytes.Cut(text, []byte("\n")); ok {
			text = lines
		}
	}
	return string(bytes.TrimSpace(text))
}
