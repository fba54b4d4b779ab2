// Scale measures the operator in clusters of several sizes, one after the other, and
// prints a table. It keeps the results of a commit, and does not repeat them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/overrides-mesh/overrides/test/scale"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context) error {
	sizes := flag.String("services", "100,1000", "`numbers` of Services")
	out := flag.String("out", ".cache/bench-cluster", "`folder` of results")
	fresh := flag.Bool("fresh", false, "measure again even if there are results")
	flags := flag.String("flags", "", "more `flags` of the operator")
	o := scale.Options{Log: os.Stderr, Idle: 10 * time.Second}
	flag.IntVar(&o.Seconds, "seconds", 300, "duration of the changes, in seconds")
	flag.IntVar(&o.PerSecond, "rate", 10, "changes per second")
	flag.Uint64Var(&o.Seed, "seed", 1, "seed of the random choices")
	flag.StringVar(&o.Program, "program", "bin/overrides", "`path` of overrides")
	flag.StringVar(&o.Root, "root", ".", "`folder` of the repository")
	flag.StringVar(&o.Profiles, "profiles", "", "`folder` for profiles of the operator")
	flag.Parse()
	o.Flags = strings.Fields(*flags)
	commit := commitOf(ctx, o.Root)
	var results []*scale.Result
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("-services: %w", err)
		}
		o.Services = n
		path := filepath.Join(*out, fmt.Sprintf("%d-%ds-%d.json", n, o.Seconds, o.Seed))
		result, err := kept(path)
		if err != nil {
			return err
		}
		if result == nil || result.Commit != commit || *fresh {
			if result, err = one(ctx, o, commit, path); err != nil {
				return err
			}
		}
		results = append(results, result)
	}
	_, err := os.Stdout.WriteString(scale.Table(results))
	return err
}

// one measures one size, and stores the result.
func one(ctx context.Context, o scale.Options, commit, path string) (*scale.Result, error) {
	load, _ := os.ReadFile("/proc/loadavg") // none elsewhere
	result, err := scale.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	result.Commit, result.Date, result.Load = commit, time.Now().UTC().Format(time.DateOnly), strings.Join(strings.Fields(string(load))[:1], "")
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return result, os.WriteFile(path, text, 0o644)
}

// kept reads a stored result.
func kept(path string) (*scale.Result, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out scale.Result
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &out, nil
}

// commitOf returns the commit that is measured.
func commitOf(ctx context.Context, root string) string {
	text, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
