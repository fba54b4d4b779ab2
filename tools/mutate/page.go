package main

import (
	"fmt"
	"strings"
)

// line identifies a line of the table.
type line struct{ pkg, rule, file string }

// lines reads the outcomes in a page.
func lines(page string) map[line]string {
	out := map[line]string{}
	name := ""
	for text := range strings.Lines(page) {
		if title, found := strings.CutPrefix(text, "## "); found {
			name = strings.TrimSpace(title)
		}
		if cells := strings.Split(strings.TrimSpace(text), " | "); len(cells) == 3 {
			out[line{name, strings.TrimPrefix(cells[0], "| "), cells[1]}] = strings.TrimSuffix(cells[2], " |")
		}
	}
	return out
}

// keep returns the outcome in a line of a page.
func keep(how string) outcome {
	if how == "" {
		how = "NOT RUN"
	}
	return outcome{how: how, killed: how != survived && !strings.HasPrefix(how, "NOT ")}
}

// document returns the table as a page.
func (r *runner) document() string {
	return fmt.Sprintf(`# Rules and their tests

Each line is a rule, and the test that fails if the rule is removed from its package.
`+"`make mutants`"+` removes each rule again, and writes this page; with MUTANTS=REGEXP, only matching rules.
`+"`testdata/mutants.txt`"+` of each package has the rules: a text in a file, and its replacement.
`+"`make mutants`"+` fails if a rule survives, or if its text is no longer in the file.

The guards of gateways are taken out of real proxies: see [attacks on gateways](conformance.md#attacks-on-gateways).

%d rules, %d of them without a test.
%s`, r.count, r.alive, r.table.String())
}
