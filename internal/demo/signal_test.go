package demo_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// program builds the command line program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "overrides-demo-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overrides")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../../cmd/overrides")
	if text, err := build.CombinedOutput(); err != nil {
		return "", errors.New(string(text))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// TestEnds: however the program ends, it leaves no process and no file behind.
func TestEnds(t *testing.T) {
	t.Parallel()
	envoy := findEnvoy(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// The environment may ignore this signal, as nohup does. Child processes inherit
	// that, but not that it is caught.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	for name, test := range map[string]struct {
		signal syscall.Signal
		code   int
	}{
		"interrupted": {syscall.SIGINT, 0},
		"terminated":  {syscall.SIGTERM, 0},
		"killed":      {syscall.SIGKILL, -1},
		"hung up":     {syscall.SIGHUP, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, out := t.TempDir(), &output{}
			cmd := exec.CommandContext(t.Context(), path, "demo", "--port", strconv.Itoa(int(freePort(t))))
			cmd.Env = append(os.Environ(), "ENVOY="+envoy, "TMPDIR="+dir)
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = cmd.Wait()
			}()
			out.await(t, "Ctrl-C ends the demo", 1, ended)
			children := childrenOf(t, cmd.Process.Pid)
			if len(children) != 18 {
				t.Errorf("%d processes were started, want 17 Envoys and a guard", len(children))
			}
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return isClosed(ended) }, func() string {
				return "it goes on after the signal:\n" + out.String()
			})
			<-ended
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d\n%s", code, test.code, out)
			}
			eventually(t, func() bool { return len(alive(t, children)) == 0 && isEmpty(t, dir) }, func() string {
				return "processes are left, or files:\n" + strings.Join(alive(t, children), "\n") + "\n" + out.String()
			})
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// processes lists all processes, as pid, parent and command.
func processes(t *testing.T) [][]string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,ppid=,stat=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range bytes.Lines(text) {
		out = append(out, strings.Fields(string(line)))
	}
	return out
}

// childrenOf lists the children of a process.
func childrenOf(t *testing.T, pid int) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, p := range processes(t) {
		if len(p) > 3 && p[1] == strconv.Itoa(pid) {
			out[p[0]] = strings.Join(p[3:], " ")
		}
	}
	return out
}

// alive lists which of some processes still run, and are not only waiting to be reaped.
func alive(t *testing.T, pids map[string]string) []string {
	t.Helper()
	var out []string
	for _, p := range processes(t) {
		if len(p) > 3 && pids[p[0]] == strings.Join(p[3:], " ") && !strings.HasPrefix(p[2], "Z") {
			out = append(out, strings.Join(p, " "))
		}
	}
	return out
}
