package soak

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// span is a time between two marks.
type span struct {
	from, to mark
	name     string
}

var spans = []span{
	{ready, routed, "pod ready → route written"},
	{published, routed, "endpoint ready → route written"},
	{routed, served, "route written → first request served"},
	{ready, served, "pod ready → first request served"},
	{ended, unrouted, "pod terminated → route gone"},
	{ended, releasedAgain, "pod terminated → released version serves"},
}

const (
	// timers is the number of versions deployed at a time.
	timers = 2
	// probeEvery is the time between the answer to a probe and the next one.
	probeEvery = 5 * time.Millisecond
)

// Times deploys and deletes versions, one after the other, and measures. Probes go
// through the caller's sidecar, one after the other.
func (s *Soak) Times(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	names := []string{"stock", "search", "ship"}
	for worker := range timers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(s.options.Seed, uint64(worker)))
			for n := worker; n < s.options.Times && ctx.Err() == nil; n += timers {
				v := judge.Version{Service: names[n%len(names)], Name: fmt.Sprintf("t%d", n)}
				if err := s.time(ctx, v, time.Duration(1500+random.IntN(1500))*time.Millisecond); err != nil {
					cancel(fmt.Errorf("time %s: %w", v, err))
				}
				s.journal.timed(v, s.marks.of(v))
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// time deploys, measures and deletes one version.
func (s *Soak) time(ctx context.Context, v judge.Version, startup time.Duration) error {
	w := &workload{service: v.Service, name: v.Service + "-" + v.Name, version: v.Name, replicas: 1, startup: startup}
	s.marks.begin(v)
	if err := s.cycler.create(ctx, w); err != nil {
		return err
	}
	// Probes begin before they can succeed, and end with the first success.
	if err := s.probe(ctx, v, v.Name, served); err != nil {
		return err
	}
	// If the next version came at once, proxies would be busy with this one.
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	if err := s.cycler.remove(ctx, w.name); err != nil {
		return err
	}
	if err := s.probe(ctx, v, "", releasedAgain); err != nil {
		return err
	}
	return poll(ctx, "it has no route", func() (bool, error) { return s.marks.has(v, unrouted), nil })
}

// probe asks for a version until it answers; or, without a name, until another version
// answers a request sent after its pod terminated.
func (s *Soak) probe(ctx context.Context, v judge.Version, name string, what mark) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		over := s.marks.has(v, ended)
		answer, err := s.sender.ask(ctx, v.Service, v.String())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && answer.Error == "" && (answer.Version == name || name == "" && over && answer.Version != v.Name) {
			s.marks.note(v, what)
			return nil
		}
		if err := pause(ctx, probeEvery); err != nil {
			return err
		}
	}
}

// ReportTimes prints the distributions as a Markdown table.
func (s *Soak) ReportTimes(w io.Writer) error {
	fmt.Fprintf(w, "| | events | p50 | p90 | p99 | max |\n|---|---:|---:|---:|---:|---:|\n")
	var err error
	for _, span := range spans {
		var took []time.Duration
		for n := range s.options.Times {
			for _, service := range []string{"stock", "search", "ship"} {
				at := s.marks.of(judge.Version{Service: service, Name: fmt.Sprintf("t%d", n)})
				if !at[span.from].IsZero() && !at[span.to].IsZero() {
					took = append(took, at[span.to].Sub(at[span.from]))
				}
			}
		}
		slices.Sort(took)
		if len(took) < s.options.Times {
			err = fmt.Errorf("%s: only %d of %d were seen", span.name, len(took), s.options.Times)
		}
		fmt.Fprintf(w, "| %s | %d | %v | %v | %v | %v |\n", span.name, len(took), quantile(took, 0.5), quantile(took, 0.9), quantile(took, 0.99), quantile(took, 1))
	}
	return err
}

// quantile returns the smallest time that a share q of the sorted times do not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	n := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(n, 0), len(sorted)-1)].Round(time.Millisecond)
}
