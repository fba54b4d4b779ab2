package process_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/process"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// shell starts a script, which writes to log.
func shell(t *testing.T, script, log string) *process.Process {
	t.Helper()
	p, err := process.Start(exec.Command("sh", "-c", script), log) //nolint:noctx // Stop ends it
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

// TestStop: a program is told to end, and says how it has.
func TestStop(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.02; done`, filepath.Join(t.TempDir(), "log"))
	programtest.Eventually(t, time.Minute, 10*time.Millisecond, "the program", func(context.Context) string {
		if got := p.Tail(); got != "ready" {
			return "it says " + got
		}
		return ""
	})
	if state := p.State(); state != nil {
		t.Errorf("it is said to have ended: %v", state)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if state := p.State(); state == nil || state.ExitCode() != 3 {
		t.Errorf("it ended with %v", state)
	}
	if got := p.Tail(); got != "ready\ntold" {
		t.Errorf("it says %q", got)
	}
}

// TestStartAgain: what was written before stays in the log.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	<-shell(t, "echo one", log).Ended()
	again := shell(t, "echo two >&2", log)
	<-again.Ended()
	if got := again.Tail(); got != "one\ntwo" {
		t.Errorf("the log is %q", got)
	}
}

// TestStartFails: what is not there does not run.
func TestStartFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := process.Start(exec.Command(filepath.Join(dir, "none")), filepath.Join(dir, "log")) //nolint:noctx // it does not run
	if err == nil {
		t.Error("it was started")
	}
}
