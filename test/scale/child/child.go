// Package child runs programs that end with this one, however it ends, and says
// what they use of the machine.
//
// In: a command. Out: a process with a log of its own, its memory and its time on
// processors, as Linux counts them. It must never leave a process behind.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs.
type Process struct {
	// Log is the path of what it writes.
	Log string

	cmd   *exec.Cmd
	ended chan struct{}
}

// Start runs a command; what it writes goes to the file log.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer output.Close()
	p := &Process{Log: log, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = output, output, attributes()
	started := make(chan error, 1)
	go func() {
		// The kernel ends a child with the thread that started it.
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
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// stopTimeout is how long a program may take to end before it is killed.
const stopTimeout = 10 * time.Second

// Stop ends it, by force if it takes too long.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	<-p.ended
	return nil
}

// Ended is closed when it has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Tail returns the last lines of the log.
func (p *Process) Tail() string {
	const most = 4096
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Usage is what a process uses. Sizes are in bytes.
type Usage struct {
	// Resident is what of it is in memory, Peak the most that ever was. Of
	// Resident, Program is pages of files: its own code and constants.
	Resident, Peak, Program int64
	// CPU is the time on all processors.
	CPU time.Duration
}

// Usage reads what the process uses now; zero where it is not known.
func (p *Process) Usage() Usage {
	dir := "/proc/" + strconv.Itoa(p.cmd.Process.Pid)
	var out Usage
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		n, _ := strconv.ParseInt(fields[0], 10, 64)
		switch name {
		case "VmRSS":
			out.Resident = n << 10
		case "VmHWM":
			out.Peak = n << 10
		case "RssFile":
			out.Program = n << 10
		}
	}
	out.CPU = cpu(dir)
	return out
}

// tick is the unit of times in /proc, the same on all that Go runs on.
const tick = 10 * time.Millisecond

func cpu(dir string) time.Duration {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0
	}
	// The name of the program, in brackets, may hold anything.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // counted from the state, the third field
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick
}
