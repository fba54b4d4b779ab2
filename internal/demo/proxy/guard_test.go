package proxy

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// sleeper starts a process that does not end by itself.
func sleeper(t *testing.T) (cmd *exec.Cmd, ended <-chan struct{}) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	return cmd, done
}

// TestGuard: at its end it kills processes that it watches, but not forgotten ones, and
// removes the folder.
func TestGuard(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "with 'quotes' and spaces")
	if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	guard, err := NewGuard(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	watched, ended := sleeper(t)
	forgotten, still := sleeper(t)
	for _, cmd := range []*exec.Cmd{watched, forgotten} {
		if err := guard.watch(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	if err := guard.forget(forgotten.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := guard.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if state := watched.ProcessState.String(); state != "signal: killed" {
		t.Errorf("it ended with %s", state)
	}
	select {
	case <-still:
		t.Errorf("what was forgotten ended with %s", forgotten.ProcessState)
	default:
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}
