package localmesh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/machine"
)

// A program that imports this package is also the machine, under another name: namespaces
// need a new process, and this executable is available.
func init() {
	if os.Args[0] == machine.Name {
		os.Exit(machine.Main())
	}
}

// spawn starts the machine, as the first process of its namespaces.
func (m *Mesh) spawn() (io.WriteCloser, io.Reader, error) {
	// The machine ends when its standard input does, not with a context.
	cmd := exec.Command("/proc/self/exe") //nolint:noctx // see above
	cmd.Args = []string{machine.Name}
	cmd.Dir = m.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		// Its root is our user, and has no more rights on the machine.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Setpgid:     true,
		// The signal lets it clean up; it limits the time for that itself.
		Pdeathsig: syscall.SIGTERM,
	}
	stderr, err := os.Create(filepath.Join(m.Dir, "machine.err"))
	if err != nil {
		return nil, nil, err
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	started := make(chan error, 1)
	go func() {
		// The kernel kills a child together with the thread that started it, so that
		// thread stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			<-m.ended
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("this machine does not let you make user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns): %w", err)
		}
		return nil, nil, err
	}
	m.cmd = cmd
	return stdin, stdout, nil
}

// reap waits for the end of the machine, and kills it if that takes too long. The
// programs that it started end with it, since it is the first process of its namespace.
func (m *Mesh) reap() error {
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-m.ended:
		return nil
	case <-timer.C:
	}
	if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the mesh: %w", err)
	}
	<-m.ended
	return fmt.Errorf("the mesh did not end within %v, and was killed", stopTimeout)
}
