package main

import (
	"fmt"
	"strings"
)

// cost plots the cost for a sidecar of ordinary requests, and of requests for the last of
// all versions.
func cost(benchmarks string) (*canvas, error) {
	t, err := readTable(benchmarks, "## What overrides cost ordinary traffic", "versions", "rows", "request", "Envoy CPU µs/request")
	if err != nil {
		return nil, err
	}
	p := plot{
		title: "What a request costs the sidecar of its caller",
		unit:  "CPU of the caller's Envoy, µs per request", axis: "versions of the Service",
	}
	for _, s := range []struct{ name, rows, request string }{
		{"ordinary request", "all", "ordinary"},
		{"ordinary request, without the ordinary row in front", "without the ordinary row", "ordinary"},
		{"request for the version whose row is last", "all", "last"},
	} {
		values := series{name: s.name}
		var labels []string
		for _, row := range t.rows {
			none := t.cell(row, "versions") == "0" && t.cell(row, "request") == "ordinary"
			if !none && (t.cell(row, "rows") != s.rows || t.cell(row, "request") != s.request) {
				continue
			}
			value, err := number(t.cell(row, "Envoy CPU µs/request"))
			if err != nil {
				return nil, err
			}
			labels, values.values = append(labels, t.cell(row, "versions")), append(values.values, value)
		}
		p.labels, p.series = labels, append(p.series, values)
	}
	return p.draw(), p.check()
}

// early plots how many sidecars have a route before its subset, by the time when it is
// written.
func early(benchmarks string) (*canvas, error) {
	t, err := readTable(benchmarks, "## Until all proxies have it", "route written", "500")
	if err != nil {
		return nil, err
	}
	p := plot{
		title: "Why the operator waits: sidecars that have a route before the subset that it names",
		unit:  "% of sidecars", axis: "when the route is written", bars: true,
	}
	for _, row := range t.rows {
		p.labels = append(p.labels, t.cell(row, "route written"))
	}
	for _, sidecars := range []string{"100", "300", "500"} {
		s, err := t.series(sidecars+" sidecars", sidecars, share)
		if err != nil {
			return nil, err
		}
		p.series = append(p.series, s)
	}
	return p.draw(), p.check()
}

// share reads "19 of 20 (41.68 %, ≤ 891 ms)"; without parentheses no sidecar was early.
func share(cell string) (float64, error) {
	_, percent, found := strings.Cut(cell, "(")
	if !found {
		return 0, nil
	}
	return number(percent)
}

// times plots the operator's times, as percentiles.
func times(benchmarks string) (*canvas, error) {
	columns := []string{"p50", "p90", "p99"}
	t, err := readTable(benchmarks, "## The operator: times", columns...)
	if err != nil {
		return nil, err
	}
	p := plot{title: "How long a version takes to be served, and to be gone", unit: "ms", axis: "", bars: true}
	for _, row := range t.rows {
		p.labels = append(p.labels, strings.TrimSpace(row[0]))
	}
	for _, column := range columns {
		s, err := t.series(column, column, number)
		if err != nil {
			return nil, err
		}
		p.series = append(p.series, s)
	}
	return p.draw(), p.check()
}

// judged plots the requests of the soak, by class, of both runs.
func judged(soak string) (*canvas, error) {
	columns := []string{"class", "quiet: sent", "busy: sent"}
	t, err := readTable(soak, "## Results", columns...)
	if err != nil {
		return nil, err
	}
	p := plot{title: "The soak: requests sent, by class", unit: "requests", bars: true}
	for _, column := range columns[1:] {
		s, err := t.series(strings.TrimSuffix(column, ": sent"), column, number)
		if err != nil {
			return nil, err
		}
		p.series = append(p.series, s)
	}
	for _, row := range t.rows {
		p.labels = append(p.labels, row[0])
	}
	return p.draw(), p.check()
}

// series reads a column.
func (t table) series(name, column string, read func(string) (float64, error)) (series, error) {
	out := series{name: name}
	for _, row := range t.rows {
		value, err := read(t.cell(row, column))
		if err != nil {
			return series{}, err
		}
		out.values = append(out.values, value)
	}
	return out, nil
}

// check reports series that don't have a value for each label.
func (p plot) check() error {
	for _, s := range p.series {
		if len(s.values) != len(p.labels) {
			return fmt.Errorf("%s: %s has %d values for %d labels", p.title, s.name, len(s.values), len(p.labels))
		}
	}
	return nil
}
