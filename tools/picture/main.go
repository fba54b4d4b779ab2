package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture DOCS")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "picture: %v\n", err)
		os.Exit(1)
	}
}

// run writes all pictures into the folder images of docs.
func run(docs string) error {
	pictures, err := draw(docs)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(docs, "images"), 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(pictures)) {
		if err := os.WriteFile(filepath.Join(docs, "images", name+".svg"), []byte(pictures[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// draw returns all pictures by their names.
func draw(docs string) (map[string]string, error) {
	benchmarks, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	if err != nil {
		return nil, err
	}
	soak, err := os.ReadFile(filepath.Join(docs, "soak.md"))
	if err != nil {
		return nil, err
	}
	pictures := map[string]string{"preview": preview().String(), "rows": rows().String(), "make-before-break": timeline().String()}
	for name, chart := range map[string]struct {
		from func(string) (*canvas, error)
		page []byte
	}{
		"cost": {cost, benchmarks}, "early-routes": {early, benchmarks}, "times": {times, benchmarks}, "soak": {judged, soak},
	} {
		c, err := chart.from(string(chart.page))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pictures[name] = c.String()
	}
	return pictures, nil
}
