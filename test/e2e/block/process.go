package block

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CPU returns the CPU time of a process's threads (proc(5): the first field of schedstat, in
// nanoseconds).
func CPU(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("find the threads of process %d: %w", pid, err)
	}
	var total time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		first, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// Memory returns the resident memory of a process in bytes (proc(5): VmRSS).
func Memory(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, after, _ := strings.Cut(string(data), "VmRSS:")
	var kib int64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		return 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	return kib << 10, nil
}

// FindProxy returns the process of the only Envoy whose command line has some texts, such as the
// folder of its mesh and the name of its pod.
func FindProxy(texts ...string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	found := 0
	for _, file := range files {
		// Processes come and go.
		data, err := os.ReadFile(file)
		missing := func(text string) bool { return !strings.Contains(string(data), text) }
		if err != nil || missing("--concurrency") || slices.ContainsFunc(texts, missing) {
			continue
		}
		if found != 0 {
			return 0, errors.New("find the proxy: there are several")
		}
		if found, err = strconv.Atoi(filepath.Base(filepath.Dir(file))); err != nil {
			return 0, err
		}
	}
	if found == 0 {
		return 0, errors.New("find the proxy: there is none")
	}
	return found, nil
}
