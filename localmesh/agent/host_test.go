package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// hostSandboxes run programs directly, without namespaces: pods have addresses of
// loopback.
type hostSandboxes struct{}

func (hostSandboxes) New(context.Context, SandboxOptions) (Sandbox, error) {
	return &hostSandbox{}, nil
}

type hostSandbox struct {
	mu        sync.Mutex
	processes []*hostProcess
}

func (s *hostSandbox) Start(c Command) (Process, error) {
	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // it ends with its sandbox
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, c.Output, c.Output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &hostProcess{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, p)
	return p, nil
}

func (s *hostSandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (s *hostSandbox) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		if err := p.Signal(os.Kill); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		<-p.done
	}
	return nil
}

type hostProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (p *hostProcess) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }
func (p *hostProcess) Done() <-chan struct{}         { return p.done }
func (p *hostProcess) State() *os.ProcessState       { return p.cmd.ProcessState }
