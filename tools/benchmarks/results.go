package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"

	"golang.org/x/perf/benchfmt"
)

// results are the values of benchmarks, by name and unit, from all rounds.
type results map[string]map[string][]float64

// processors ends the names of benchmarks.
var processors = regexp.MustCompile(`-[0-9]+$`)

// readResults reads the output of go test -bench. A missing file has no results.
func readResults(path string) (results, error) {
	out := results{}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	files := benchfmt.Files{Paths: []string{path}}
	for files.Scan() {
		result, ok := files.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := processors.ReplaceAllString(string(result.Name.Full()), "")
		if out[name] == nil {
			out[name] = map[string][]float64{}
		}
		for _, v := range result.Values {
			out[name][v.Unit] = append(out[name][v.Unit], v.Value)
		}
	}
	return out, files.Err()
}

// value returns the median of the rounds of a benchmark.
func (r results) value(name, unit string) (float64, error) {
	values := slices.Sorted(slices.Values(r[name][unit]))
	if len(values) == 0 {
		return 0, fmt.Errorf("%s of Benchmark%s is missing", unit, name)
	}
	return values[(len(values)-1)/2], nil
}
