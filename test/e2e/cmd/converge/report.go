package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// report prints the measurements.
func report(to io.Writer, results []*result) {
	fmt.Fprintln(to, "| sidecars | write → subset in a sidecar | write → route in a sidecar | subset stored → sync status says all | … after the last sidecar | one round of questions | settled too early | settled with a silent sidecar |")
	fmt.Fprintln(to, "|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, r := range results {
		fmt.Fprintf(to, "| %d | %s | %s | %s | %s | %s | %d of %d | %d of %d |\n", r.proxies, spread(r.warm), spread(r.routed),
			spread(r.asked), spread(r.lag), spread(r.took), r.early, len(r.asked), r.hasty, r.silent)
	}
	fmt.Fprint(to, "\n| route written |")
	for _, r := range results {
		fmt.Fprintf(to, " %d |", r.proxies)
	}
	fmt.Fprintf(to, "\n|---|%s\n", strings.Repeat("---:|", len(results)))
	for _, gap := range gaps {
		fmt.Fprintf(to, "| %s |", name(gap))
		for _, r := range results {
			d := r.order[gap]
			fmt.Fprintf(to, " %d of %d", d.affected, d.rounds)
			if d.affected > 0 {
				fmt.Fprintf(to, " (%.2f %%, ≤ %d ms)", 100*float64(d.early)/float64(max(d.proxies, 1)), d.longest.Milliseconds())
			}
			fmt.Fprint(to, " |")
		}
		fmt.Fprintln(to)
	}
}

func name(gap time.Duration) string {
	switch gap {
	case whenSettled:
		return "when the sync status says so"
	case 0:
		return "with the subset"
	default:
		return gap.String() + " later"
	}
}

// spread returns the median, 99th percentile and maximum.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(all))
	at := func(p int) int64 { return sorted[min(len(sorted)*p/100, len(sorted)-1)].Milliseconds() }
	return fmt.Sprintf("%d / %d / %d", at(50), at(99), sorted[len(sorted)-1].Milliseconds())
}

// wrong lists violations.
func (r *result) wrong() []error {
	var out []error
	if r.early > 0 {
		out = append(out, fmt.Errorf("with %d sidecars a subset was called settled too early %d times", r.proxies, r.early))
	}
	if r.hasty > 0 {
		out = append(out, fmt.Errorf("with %d sidecars a subset was called settled %d times though one was silent", r.proxies, r.hasty))
	}
	return out
}
