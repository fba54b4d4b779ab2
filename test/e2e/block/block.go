package block

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/load"
)

// Block is one kind of request, and its measurements.
type Block struct {
	// Name is for errors.
	Name string
	// Send sends one request. Several may run at once.
	Send func(context.Context) error
	// PID is the process of its proxy, if that is not the one of all blocks.
	PID     int
	samples []sample
}

// sample is one measurement.
type sample struct {
	requests int
	took     time.Duration
	// cpu is the proxy's CPU time, user and system.
	cpu     time.Duration
	latency load.Histogram
}

// Options say how to measure.
type Options struct {
	// PID is the process of the proxy.
	PID int
	// Rounds is the number of times that each block is measured, and Length how long one takes.
	Rounds int
	Length time.Duration
	// Workers is the number of concurrent requests.
	Workers int
	// Seed is for the order of the blocks.
	Seed uint64
	// Progress receives the number of each round.
	Progress io.Writer
}

// Register adds the flags of all options but PID and Progress, with their defaults.
func (o *Options) Register(flags *flag.FlagSet) {
	flags.IntVar(&o.Rounds, "rounds", 15, "`times` that each block is measured")
	flags.DurationVar(&o.Length, "block", 500*time.Millisecond, "`length` of a block")
	flags.IntVar(&o.Workers, "workers", 4, "concurrent `requests`")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the order of blocks")
}

// Measure runs all blocks in each round, in a new order, after a first round for warming up.
func Measure(ctx context.Context, o Options, all []*Block) error {
	random := rand.New(rand.NewPCG(o.Seed, 0))
	for round := range o.Rounds + 1 {
		for _, i := range random.Perm(len(all)) {
			if err := all[i].run(ctx, &o); err != nil {
				return err
			}
			if round == 0 {
				all[i].samples = nil
			}
		}
		fmt.Fprintf(o.Progress, "\rround %d of %d", round, o.Rounds)
	}
	fmt.Fprintln(o.Progress)
	return nil
}

// run sends requests for a time, each worker as fast as answers arrive.
func (b *Block) run(ctx context.Context, o *Options) error {
	var failed atomic.Pointer[error]
	histograms := make([]load.Histogram, o.Workers)
	pid := cmp.Or(b.PID, o.PID)
	before, err := CPU(pid)
	if err != nil {
		return err
	}
	began := time.Now()
	var all sync.WaitGroup
	for w := range o.Workers {
		all.Go(func() {
			for time.Since(began) < o.Length && failed.Load() == nil {
				sent := time.Now()
				if err := b.Send(ctx); err != nil {
					failed.Store(&err)
				}
				histograms[w].Add(time.Since(sent))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	after, err := CPU(pid)
	if first := failed.Load(); first != nil {
		err = errors.Join(err, *first)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.Name, err)
	}
	s := sample{took: took, cpu: after - before}
	for i := range histograms {
		s.latency.Merge(&histograms[i])
	}
	s.requests = s.latency.Total()
	b.samples = append(b.samples, s)
	return nil
}

// CPU is the proxy's CPU time for each request.
func (b *Block) CPU() time.Duration {
	return time.Duration(b.median(func(s *sample) float64 { return float64(s.cpu) / float64(s.requests) }))
}

// PerSecond is the number of requests per second.
func (b *Block) PerSecond() float64 {
	return b.median(func(s *sample) float64 { return float64(s.requests) / s.took.Seconds() })
}

// Latency is the time that a share q of the requests takes at most.
func (b *Block) Latency(q float64) time.Duration {
	return time.Duration(b.median(func(s *sample) float64 { return float64(s.latency.Quantile(q)) }))
}

// median returns the median of a value over the rounds.
func (b *Block) median(value func(*sample) float64) float64 {
	values := make([]float64, len(b.samples))
	for i := range b.samples {
		values[i] = value(&b.samples[i])
	}
	return Median(values)
}

// Median returns the median of values, of which there is one at least.
func Median[N ~int64 | ~float64](values []N) N {
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}
