package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
)

// settings are the flags.
type settings struct {
	counts   []int
	services int
	rounds   int
	silent   int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "converge:", err)
		os.Exit(1)
	}
}

func parse() (settings, error) {
	var s settings
	counts := flag.String("proxies", "10,100,300,500", "`numbers` of sidecars")
	flag.IntVar(&s.services, "services", 50, "`number` of Services")
	flag.IntVar(&s.rounds, "rounds", 20, "`number` of measurements of each order of writing")
	flag.IntVar(&s.silent, "silent", 3, "`number` of rounds in which one sidecar does not answer")
	flag.Parse()
	for text := range strings.SplitSeq(*counts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return s, fmt.Errorf("-proxies: %w", err)
		}
		s.counts = append(s.counts, n)
	}
	return s, nil
}

func run(ctx context.Context) (err error) {
	s, err := parse()
	if err != nil {
		return err
	}
	mesh, err := localmesh.Start(ctx, localmesh.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	if err := mesh.Apply(ctx, manifests(s.services)); err != nil {
		return err
	}
	b, err := newBench(mesh, s)
	if err != nil {
		return err
	}
	defer b.fleet.close()
	var results []*result
	for _, n := range s.counts {
		if err := b.fleet.grow(ctx, n); err != nil {
			return err
		}
		r, err := b.measure(ctx)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	report(os.Stdout, results)
	var wrong []error
	for _, r := range results {
		wrong = append(wrong, r.wrong()...)
	}
	return errors.Join(wrong...)
}

// poll waits until done returns true, up to a common limit.
func poll(ctx context.Context, what string, done func() bool) error {
	const timeout = time.Minute
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// pause waits for d, but not beyond ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
