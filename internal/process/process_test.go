package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/process"
)

// shell starts a script, whose output is added to log.
func shell(t *testing.T, script, log string) *process.Process {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell")
	}
	p, err := process.Start(exec.CommandContext(t.Context(), "sh", "-c", script), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// await polls until get returns want.
func await(t *testing.T, want string, get func() string) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for got := get(); got != want; got = get() {
		select {
		case <-deadline:
			t.Fatalf("it is %q, want %q", got, want)
		case <-tick.C:
		}
	}
}

// TestStop: a program is told to end, and says how it has.
func TestStop(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.02; done`, filepath.Join(t.TempDir(), "log"))
	await(t, "ready", p.Tail)
	if state := p.State(); state != nil {
		t.Errorf("it is said to have ended: %v", state)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if state := p.State(); state == nil || state.ExitCode() != 3 {
		t.Errorf("it ended with %v", state)
	}
	if got := p.Log(); got != "ready\ntold\n" {
		t.Errorf("it says %q", got)
	}
}

// TestKill: a program that ignores signals ends all the same, and can be killed twice.
func TestKill(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.02; done`, filepath.Join(t.TempDir(), "log"))
	await(t, "ready", p.Tail)
	for range 2 {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if state := p.State(); state == nil || state.Exited() {
		t.Errorf("it ended with %v", state)
	}
}

// TestStartAgain: earlier output stays in the file, but is not that of the new process.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	one := shell(t, "echo one", log)
	<-one.Ended()
	two := shell(t, "echo two >&2", log)
	<-two.Ended()
	if got := two.Log(); got != "two\n" {
		t.Errorf("it says %q", got)
	}
	text, err := os.ReadFile(log)
	if err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("the log is %q, %v", text, err)
	}
}

// TestTail: a long output is cut at the beginning of a line.
func TestTail(t *testing.T) {
	t.Parallel()
	p := shell(t, `i=1000; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done`, filepath.Join(t.TempDir(), "log"))
	<-p.Ended()
	if got := p.Tail(); len(got) > 4096 || len(got) < 4000 || got[:5] != "line " || got[len(got)-4:] != "2999" {
		t.Errorf("it is %q", got)
	}
}

// TestStartFails: a program that is not there does not run.
func TestStartFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := process.Start(exec.CommandContext(t.Context(), filepath.Join(dir, "none")), filepath.Join(dir, "log"))
	if err == nil {
		t.Error("it was started")
	}
}
