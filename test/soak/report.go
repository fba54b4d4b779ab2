package soak

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// Report prints the counts, and returns an error if they violate the rules.
func (s *Soak) Report(w io.Writer) error {
	took := time.Since(s.began)
	fmt.Fprintf(w, "seed %d, cycles %d from %d, %v\n", s.options.Seed, s.journal.cycles, s.options.From, took.Round(time.Second))
	fmt.Fprintf(w, "%-10s %9s %7s %9s\n", "requests", "sent", "failed", "misrouted")
	var errs []error
	counts := s.book.Counts()
	for _, class := range judge.Classes() {
		c := counts[class]
		fmt.Fprintf(w, "%-10s %9d %7d %9d\n", class, c.Sent, c.Failed, c.Misrouted)
		if !c.OK(class) {
			errs = append(errs, fmt.Errorf("%s requests: %d failed, %d misrouted", class, c.Failed, c.Misrouted))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(s.keeper.done)) {
		fmt.Fprintf(w, "%s: %d\n", what, s.keeper.done[what])
	}
	s.reportFaults(w)
	if len(s.handovers) > 0 {
		fmt.Fprintf(w, "leader killed, another leads: %d times, at most %v\n", len(s.handovers), slices.Max(s.handovers).Round(time.Millisecond))
	}
	s.sender.mu.Lock()
	fmt.Fprintf(w, "ordinary requests took p50 %v, p99 %v, max %v\n", s.sender.latency.Quantile(0.5), s.sender.latency.Quantile(0.99), s.sender.latency.Max())
	s.sender.mu.Unlock()
	for _, class := range []judge.Class{judge.Ordinary, judge.Announced} {
		if counts[class].Sent == 0 {
			errs = append(errs, fmt.Errorf("no %s request was sent", class))
		}
	}
	for _, what := range s.versions.unasked {
		errs = append(errs, fmt.Errorf("unasked: %s", what))
	}
	return errors.Join(errs...)
}

// reportFaults prints the results of the requests that may not fail, by the last fault
// before they were sent.
func (s *Soak) reportFaults(w io.Writer) {
	phases := s.book.Phases()
	if len(s.inflicted) == 0 {
		return
	}
	fmt.Fprintf(w, "%-10s %6s %-28s %s\n", "fault", "times", "ordinary sent/failed/misrouted", "announced sent/failed/misrouted")
	for _, what := range slices.Sorted(maps.Keys(s.inflicted)) {
		ordinary := phases[what][judge.Ordinary].Add(phases[what][judge.Absent])
		announced := phases[what][judge.Announced]
		fmt.Fprintf(w, "%-10s %6d %-30s %s\n", what, s.inflicted[what], ordinary, announced)
	}
}
