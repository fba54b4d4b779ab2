package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/overrides-mesh/overrides/internal/process"
)

// TestMain lets the test binary be a program that runs another one.
func TestMain(m *testing.M) {
	log := os.Getenv("TEST_PROCESS")
	if log == "" {
		os.Exit(m.Run())
	}
	p, err := process.Start(exec.Command("sh", "-c", "echo $$; exec sleep 1000"), log) //nolint:noctx // it ends with this program
	if err != nil {
		os.Exit(1)
	}
	<-p.Ended()
}

// TestEndsWithThisOne: a program that is killed leaves none behind.
func TestEndsWithThisOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := filepath.Join(dir, "inner")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_PROCESS="+log)
	outer, err := process.Start(cmd, filepath.Join(dir, "outer"))
	if err != nil {
		t.Fatal(err)
	}
	var id int
	await(t, "started", func() string {
		text, err := os.ReadFile(log)
		if err != nil || len(text) == 0 || text[len(text)-1] != '\n' {
			return "not started"
		}
		if id, err = strconv.Atoi(string(text[:len(text)-1])); err != nil {
			t.Fatal(err)
		}
		return "started"
	})
	if err := outer.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, syscall.ESRCH.Error(), func() string {
		// It may be left as a zombie, where nobody waits for orphans.
		if stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(id), "stat")); err == nil && zombie(string(stat)) {
			return syscall.ESRCH.Error()
		}
		if err := syscall.Kill(id, 0); err != nil {
			return err.Error()
		}
		return "it runs"
	})
}

// zombie reports whether a process, of which that is the stat, has ended.
func zombie(stat string) bool {
	_, after, _ := strings.Cut(stat, ") ")
	return strings.HasPrefix(after, "Z")
}
