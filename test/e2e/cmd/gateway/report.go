package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// results are all measurements.
type results struct {
	with          *made
	before, after holding
	additions     []addition
	kinds         []*kind
	limits        []limit
}

// report prints the results, as Markdown tables.
func report(w io.Writer, r *results) {
	fmt.Fprintf(w, "| the gateway's Envoy | without previews | with %d |\n|---|---:|---:|\n", r.with.previews)
	fmt.Fprintf(w, "| routes | %d | %d |\n", r.before.routes, r.after.routes)
	fmt.Fprintf(w, "| resident memory | %.0f MB | %.0f MB |\n", float64(r.before.memory)/1e6, float64(r.after.memory)/1e6)
	fmt.Fprintf(w, "| size of the companion, as YAML | – | %.2f MB |\n", float64(len(r.with.companion))/1e6)
	for _, step := range []struct {
		name string
		took func(addition) time.Duration
	}{
		{"one more preview: written → stored", func(a addition) time.Duration { return a.stored }},
		{"… stored → served", func(a addition) time.Duration { return a.served }},
	} {
		var all []time.Duration
		for _, a := range r.additions {
			all = append(all, step.took(a))
		}
		fmt.Fprintf(w, "| %s, median (longest) of %d | – | %d ms (%d ms) |\n", step.name, len(all), block.Median(all).Milliseconds(), slices.Max(all).Milliseconds())
	}

	fmt.Fprintln(w, "\n| host | page | request | requests/s | Envoy CPU µs/request | against ordinary, without previews | p50 µs | p99 µs |")
	fmt.Fprintln(w, "|---|---|---|---:|---:|---:|---:|---:|")
	var base time.Duration
	for _, k := range r.kinds {
		if k.host == "plain" && k.override == "" {
			base = k.CPU()
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.0f | %.1f | %+.1f %% | %.0f | %.0f |\n", k.host, k.page, k.name,
			k.PerSecond(), micro(k.CPU()), 100*(float64(k.CPU())/float64(base)-1), micro(k.Latency(0.5)), micro(k.Latency(0.99)))
	}

	fmt.Fprintln(w, "\n| previews | routes | companion, as YAML | Overrides says | the API server |")
	fmt.Fprintln(w, "|---:|---:|---:|---|---|")
	for _, l := range r.limits {
		fmt.Fprintf(w, "| %d | %d | %.2f MB | %s | %s |\n", l.previews, l.rows(), float64(len(l.companion))/1e6, l.says, l.server)
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
