package soak

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/process"
)

// operator is the real program, which is restarted whenever it ends.
type operator struct {
	name, path string
	args       []string
	timeline   *timeline
	log        string

	mu      sync.Mutex
	running *process.Process
	done    chan struct{}
	cancel  context.CancelFunc
}

// startOperator starts an operator, with its own log.
func (s *Soak) startOperator(ctx context.Context, name string, args ...string) *operator {
	o := &operator{
		name: name, path: s.options.Overrides, args: append([]string{"operator"}, args...), timeline: s.timeline,
		log: filepath.Join(s.options.Dir, name+".log"), done: make(chan struct{}),
	}
	ctx, o.cancel = context.WithCancel(ctx)
	go o.supervise(ctx)
	return o
}

func (o *operator) supervise(ctx context.Context) {
	defer close(o.done)
	for ctx.Err() == nil {
		began := time.Now()
		err := o.run(ctx)
		if ctx.Err() != nil {
			return
		}
		o.timeline.note("", "%s ended after %v: %v", o.name, time.Since(began).Round(time.Millisecond), err)
		if time.Since(began) < 100*time.Millisecond {
			// If it does not start at all, don't retry as fast as possible.
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// run always returns an error: how the operator ended.
func (o *operator) run(ctx context.Context) error {
	running, err := process.Start(exec.Command(o.path, o.args...), o.log) //nolint:noctx // it is ended in order, below
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.running = running
	o.mu.Unlock()
	select {
	case <-running.Ended():
	case <-ctx.Done():
		if err := running.Stop(); err != nil {
			return err
		}
	}
	return errors.New(running.State().String())
}

// present is the current or last process, nil before the first one.
func (o *operator) present() *process.Process {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running
}

// kill ends it with SIGKILL, and returns its process. It is restarted at once.
func (o *operator) kill() (*process.Process, error) {
	running := o.present()
	if running == nil {
		return nil, errors.New("the operator has not been started")
	}
	o.timeline.note("", "%s is killed", o.name)
	return running, running.Kill()
}

// leads reports whether the current process reconciles, and is not but.
func (o *operator) leads(but *process.Process) bool {
	running := o.present()
	return running != nil && running != but && strings.Contains(running.Log(), "msg=reconciling")
}

// stop ends it in order.
func (o *operator) stop() {
	o.cancel()
	<-o.done
}
