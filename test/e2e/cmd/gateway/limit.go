package main

import (
	"bytes"
	"context"
	"strings"
)

// limit is what is said of a number of previews.
type limit struct {
	*made
	// says is the first warning or error of Overrides about the companion, and server what the
	// API server does with the object.
	says, server string
}

// limits generates companions for more and more previews, and applies each.
func (g *gateway) limits(ctx context.Context, s *settings) ([]limit, error) {
	var out []limit
	for _, previews := range s.limits {
		m, err := s.generate(ctx, previews, last)
		if err != nil {
			return nil, err
		}
		out = append(out, limit{m, about(m.said), g.verdict(ctx, m.companion)})
	}
	// Overrides prints no larger object: the routes of the largest again show what would come.
	largest := out[0].made
	for _, l := range out {
		if len(l.companion) > len(largest.companion) {
			largest = l.made
		}
	}
	head, rows, _ := bytes.Cut(largest.companion, []byte("\n  http:\n")) // the last field
	twice := bytes.Join([][]byte{head, []byte("\n  http:\n"), rows, rows}, nil)
	return append(out, limit{&made{previews: largest.previews, companion: twice}, "(not printed: its routes twice)", g.verdict(ctx, twice)}), nil
}

// verdict applies a companion, and returns what the API server does.
func (g *gateway) verdict(ctx context.Context, companion []byte) string {
	if err := g.mesh.Apply(ctx, companion); err != nil {
		text := err.Error()
		return "refuses it: " + text[max(strings.LastIndex(text, ": ")+2, 0):]
	}
	return "stores it"
}

// about returns the code and the first words of the first warning or error about a companion.
func about(said string) string {
	for line := range strings.Lines(said) {
		severity, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if _, message, is := strings.Cut(text, "-gateway-overrides: "); is {
			return severity + ": " + message
		}
	}
	return "–"
}
