package main

import (
	"fmt"
	"io"
	"time"
)

// report prints medians over the rounds, as a Markdown table, and what the proxy holds.
func report(w io.Writer, all []*kind, held []holding) {
	fmt.Fprintln(w, "| versions | rows | request | requests/s | Envoy CPU µs/request | against 0 versions | p50 µs | p99 µs |")
	fmt.Fprintln(w, "|---:|---|---|---:|---:|---:|---:|---:|")
	base := all[0].CPU()
	for _, k := range all {
		fmt.Fprintf(w, "| %d | %s | %s | %.0f | %.1f | %+.1f %% | %.0f | %.0f |\n", k.service.versions, k.service.rows, k.name,
			k.PerSecond(), micro(k.CPU()), 100*(float64(k.CPU())/float64(base)-1), micro(k.Latency(0.5)), micro(k.Latency(0.99)))
	}
	fmt.Fprintln(w, "\n| the sidecar has | objects | its memory |")
	fmt.Fprintln(w, "|---|---:|---:|")
	for _, h := range held {
		fmt.Fprintf(w, "| %s | %.1f MB | %.0f MB |\n", h.what, float64(h.objects)/1e6, float64(h.memory)/1e6)
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
