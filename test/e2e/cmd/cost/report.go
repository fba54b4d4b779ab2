package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// report prints medians over the rounds, as a Markdown table.
func report(w io.Writer, all []*block) {
	fmt.Fprintln(w, "| override routes | ordinary row first | request | requests/s | Envoy CPU µs/request | against 0 routes | p50 µs | p99 µs |")
	fmt.Fprintln(w, "|---:|---|---|---:|---:|---:|---:|---:|")
	base := median(all[0].samples, cpuPerRequest)
	for _, b := range all {
		first := "yes"
		switch {
		case b.service.bare:
			first = "no"
		case b.service.versions == 0:
			first = "–"
		}
		cpu := median(b.samples, cpuPerRequest)
		fmt.Fprintf(w, "| %d | %s | %s | %.0f | %.1f | %+.1f %% | %.0f | %.0f |\n", b.service.versions, first, b.kind,
			median(b.samples, func(s *sample) float64 { return float64(s.requests) / s.took.Seconds() }), cpu, 100*(cpu/base-1),
			median(b.samples, quantile(0.5)), median(b.samples, quantile(0.99)))
	}
}

func cpuPerRequest(s *sample) float64 { return micro(s.cpu) / float64(s.requests) }

func quantile(q float64) func(*sample) float64 {
	return func(s *sample) float64 { return micro(s.latency.Quantile(q)) }
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(samples []sample, value func(*sample) float64) float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = value(&samples[i])
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}
