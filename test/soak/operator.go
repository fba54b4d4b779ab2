package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// operator is the real program, which is started again whenever it ends.
type operator struct {
	name, path string
	args       []string
	timeline   *timeline
	log        *os.File

	mu      sync.Mutex
	process *os.Process
	// offset is where the log of the present process begins.
	offset int64
	done   chan struct{}
	cancel context.CancelFunc
}

// startOperator starts one, with a log of its own.
func (s *Soak) startOperator(ctx context.Context, name string, args ...string) (*operator, error) {
	log, err := os.OpenFile(filepath.Join(s.options.Dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	o := &operator{
		name: name, path: s.options.Overrides, args: append([]string{"operator"}, args...), timeline: s.timeline, log: log, done: make(chan struct{}),
	}
	ctx, o.cancel = context.WithCancel(ctx)
	go o.supervise(ctx)
	return o, nil
}

func (o *operator) supervise(ctx context.Context) {
	defer close(o.done)
	// The program ends with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for ctx.Err() == nil {
		began := time.Now()
		err := o.run(ctx)
		if ctx.Err() != nil {
			return
		}
		o.timeline.note("", "%s ended after %v: %v", o.name, time.Since(began).Round(time.Millisecond), err)
		if time.Since(began) < 100*time.Millisecond {
			// It does not start at all: no reason to be the fastest.
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

func (o *operator) run(ctx context.Context) error {
	cmd := exec.Command(o.path, o.args...) //nolint:noctx // it is ended in order, below
	cmd.Stderr, cmd.Stdout = o.log, o.log
	// Were we killed, nobody would end it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	info, err := o.log.Stat()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	o.mu.Lock()
	o.process, o.offset = cmd.Process, info.Size()
	o.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return cmd.Wait()
}

// kill ends it with SIGKILL, and returns the process that it was. It is started again
// at once.
func (o *operator) kill() (*os.Process, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.process == nil {
		return nil, errors.New("the operator has not been started")
	}
	o.timeline.note("", "%s is killed", o.name)
	return o.process, o.process.Kill()
}

// leads reports whether the present process reconciles, and is not one that was.
func (o *operator) leads(but *os.Process) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	log, err := os.ReadFile(o.log.Name())
	return err == nil && o.process != nil && o.process != but && int64(len(log)) > o.offset && bytes.Contains(log[o.offset:], []byte("msg=reconciling"))
}

// stop ends it in order.
func (o *operator) stop() error {
	o.cancel()
	select {
	case <-o.done:
	case <-time.After(20 * time.Second):
		_, _ = o.kill()
		<-o.done
	}
	return o.log.Close()
}
