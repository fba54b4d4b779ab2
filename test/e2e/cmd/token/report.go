package main

import (
	"fmt"
	"io"
	"time"
)

// report prints the results, as a Markdown table.
func report(w io.Writer, all []*kind) {
	fmt.Fprintln(w, "| gateway | request | requests/s | Envoy CPU µs/request | against the open gateway | aim | p50 µs | p99 µs |")
	fmt.Fprintln(w, "|---|---|---:|---:|---:|---|---:|---:|")
	for _, k := range all {
		against := "–"
		if k.base != nil {
			against = fmt.Sprintf("%.2f × “%s”", float64(k.CPU())/float64(k.base.CPU()), k.base.name)
		}
		fmt.Fprintf(w, "| %s | %s | %.0f | %.1f | %s | %s | %.0f | %.0f |\n", k.gateway.name, k.name, k.PerSecond(), micro(k.CPU()), against, k.aim,
			micro(k.Latency(0.5)), micro(k.Latency(0.99)))
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
