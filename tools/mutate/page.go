package main

import (
	"fmt"
	"strings"
)

// line is what a line of the table is about.
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

// keep returns the outcome that a line of a page tells.
func keep(how string) outcome {
	if how == "" {
		how = "NOT RUN"
	}
	return outcome{how: how, killed: how != survived && !strings.HasPrefix(how, "NOT ")}
}

// document is the table as a page.
func (r *runner) document() string {
	return fmt.Sprintf(`# Rules that tests hold

Each line is a rule that was taken out of a package, and the test that fails without it.
`+"`make mutants`"+` takes them out again, and writes this page; with MUTANTS=REGEXP, only those that match.
The rules are in `+"`testdata/mutants.txt`"+` of each package: a text of a file and what is
there instead. A rule that survives, or whose text is not there any more, fails it.

%d rules, %d of which no test holds.
%s`, r.count, r.alive, r.table.String())
}
