package main

import (
	"fmt"
	"strings"
)

const (
	opening = "<!-- measured: "
	closing = "<!-- end -->"
)

// replace returns a page with new texts for its blocks. A block whose new text is empty keeps
// its own.
func replace(page string, text func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(page, opening)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, named := strings.Cut(rest, " -->\n")
		old, after, ended := strings.Cut(rest, closing)
		if !named || !ended || strings.Contains(old, opening) {
			return "", fmt.Errorf("a block begins and does not end: %s%.40s", opening, name)
		}
		now, err := text(name)
		if err != nil {
			return "", err
		}
		if now == "" {
			now = strings.TrimSpace(old)
		}
		fmt.Fprintf(&out, "%s%s -->\n\n%s\n\n%s", opening, name, now, closing)
		page = after
	}
}
