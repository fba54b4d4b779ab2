package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Options are settings of one Pod's namespaces.
type Options struct {
	// Name is the Pod's host name.
	Name string
	// IP is the Pod's address, in the prefix of the network.
	IP netip.Addr
	// Redirect sends TCP into a sidecar: outbound to its port 15001, inbound to 15006.
	Redirect bool
	// ResolvConf is a file that programs of the Pod see as /etc/resolv.conf; empty for
	// the machine's file.
	ResolvConf string
}

// Sandbox has the namespaces of one Pod and the programs in them.
type Sandbox struct {
	options Options
	network *Network
	ns      netns.NsHandle
	// calls are executed by the thread in the namespaces.
	calls chan func()

	mu        sync.Mutex
	closed    bool
	processes map[*Process]bool
}

// errClosed reports that a Sandbox was closed.
var errClosed = errors.New("the sandbox is closed")

// New creates the namespaces of a Pod.
func (n *Network) New(options Options) (*Sandbox, error) {
	s := &Sandbox{options: options, network: n, calls: make(chan func()), processes: map[*Process]bool{}}
	ready := make(chan error, 1)
	go s.serve(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("make namespaces of %s: %w", options.Name, err)
	}
	err := n.join(s.ns)
	if err == nil {
		err = s.call(s.configure)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect %s: %w", options.Name, err), s.Close())
	}
	return s, nil
}

// serve runs the thread in the namespaces, and ends with them.
func (s *Sandbox) serve(ready chan<- error) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_FS)
	if err == nil {
		s.ns, err = netns.Get()
	}
	if err == nil {
		err = unix.Sethostname([]byte(s.options.Name))
	}
	if err == nil && s.options.ResolvConf != "" {
		err = unix.Mount(s.options.ResolvConf, "/etc/resolv.conf", "", unix.MS_BIND, "")
	}
	ready <- err
	if err != nil {
		return
	}
	for call := range s.calls {
		call()
	}
}

// call executes do on the thread in the namespaces.
func (s *Sandbox) call(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	done := make(chan error, 1)
	s.calls <- func() { done <- do() }
	return <-done
}

// configure sets the address of eth0 and, if wanted, the redirection.
func (s *Sandbox) configure() error {
	for _, name := range []string{"lo", "eth0"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if name == "eth0" {
			prefix := netip.PrefixFrom(s.options.IP, s.network.prefix.Bits())
			if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(prefix)}); err != nil {
				return fmt.Errorf("give eth0 %s: %w", prefix, err)
			}
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
	}
	if err := netlink.RouteAdd(&netlink.Route{Gw: s.network.prefix.Addr().AsSlice()}); err != nil {
		return fmt.Errorf("add the default route: %w", err)
	}
	if !s.options.Redirect {
		return nil
	}
	return redirect(s.network.prefix.Addr())
}

// Command is a program to run in a Sandbox.
type Command struct {
	Path      string
	Args, Env []string
	Dir       string
	// Output receives its output.
	Output io.Writer
}

// Process is a program started in a Sandbox.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs a program in the namespaces, in its own process group.
func (s *Sandbox) Start(c Command) (*Process, error) {
	// The program ends by signals and with the sandbox, not with a context.
	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // see above
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, c.Output, c.Output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	err := s.call(func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		s.processes[p] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", c.Path, s.options.Name, err)
	}
	go func() {
		_ = cmd.Wait()
		close(p.done)
		s.mu.Lock()
		delete(s.processes, p)
		s.mu.Unlock()
	}()
	return p, nil
}

// Signal sends a signal to the program; SIGKILL also to the programs that it started, as
// in a container.
func (p *Process) Signal(signal os.Signal) error {
	if signal == os.Kill {
		return p.kill()
	}
	return p.cmd.Process.Signal(signal)
}

func (p *Process) kill() error {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	return nil
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// State returns how the program ended; nil before.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.done:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// Dial connects from inside the Pod to an IP address and port.
func (s *Sandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	// A handle of its own, since that of the sandbox may be closed meanwhile.
	fd, err := unix.FcntlInt(uintptr(s.ns), unix.F_DUPFD_CLOEXEC, 0)
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("enter %s: %w", s.options.Name, err)
	}
	ns := netns.NsHandle(fd)
	defer ns.Close()
	return s.network.dialIn(ctx, ns, network, address)
}

// Close kills everything that still runs in the namespaces and removes them.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var running []*Process
	for p := range s.processes {
		running = append(running, p)
	}
	close(s.calls)
	s.mu.Unlock()
	for _, p := range running {
		if err := p.kill(); err != nil {
			return err
		}
		<-p.done
	}
	return s.ns.Close()
}
