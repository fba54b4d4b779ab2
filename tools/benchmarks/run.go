package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describe returns the date, machine and commit of a run that begins.
func describe() string {
	out := fmt.Sprintf("Measured on %s", time.Now().UTC().Format(time.DateOnly))
	if commit, err := exec.CommandContext(context.Background(), "git", "describe", "--always", "--dirty", "--exclude", "*").Output(); err == nil {
		out += " at commit " + strings.TrimSpace(string(commit))
	}
	out += fmt.Sprintf(" with %s, %s/%s, on %d processors", strings.Replace(runtime.Version(), "go", "Go ", 1), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		out += " (" + model + ")"
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(load), " ")
		out += ", at a load of " + first + " before"
	}
	return out + "."
}

// field returns the first value of a field in a file of "name : value" lines.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
