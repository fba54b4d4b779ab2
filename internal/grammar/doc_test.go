package grammar_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// page is the page that explains the grammar. Tests compare it with the code.
const page = "../../docs/grammar.md"

// section returns the text under a heading of the page, up to the next.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	before, _, _ := strings.Cut(after, "\n## ")
	return before
}

// examples returns the rows of the first table under a heading. Cells are code
// or empty.
func examples(t *testing.T, heading string) [][]string {
	t.Helper()
	cell := regexp.MustCompile("(?:`([^`]*)`)? *\\|")
	var rows [][]string
	for line := range strings.Lines(section(t, heading)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		var row []string
		for _, match := range cell.FindAllStringSubmatch(line, -1)[1:] {
			row = append(row, match[1])
		}
		rows = append(rows, row)
	}
	if len(rows) < 3 {
		t.Fatalf("%d examples under %q", len(rows), heading)
	}
	return rows
}

func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	type parser func(values ...string) ([]grammar.Member, error)
	for heading, parse := range map[string]parser{
		"Well-formed": grammar.Parse, "Malformed members": grammar.Parse, "Sets": grammar.Parse, "Baggage": grammar.ParseBaggage,
	} {
		for _, row := range examples(t, heading) {
			members, err := parse(row[0])
			got := []string{row[0], canonical(members), message(err)}
			if want := append(row, "")[:3]; !cmp.Equal(want, got) {
				t.Errorf("%s says, under %q\n  %q\nbut it is\n  %q", page, heading, want, got)
			}
		}
	}
}

func TestDocumentedPatterns(t *testing.T) {
	t.Parallel()
	var got []string
	for line := range strings.Lines(section(t, "Patterns")) {
		if pattern, found := strings.CutPrefix(line, "    "); found {
			got = append(got, strings.TrimSuffix(pattern, "\n"))
		}
	}
	s := service3()
	want := []string{
		s.Pattern("v2", grammar.Condition{}),
		s.Pattern("v2", grammar.Condition{From: "service-2"}),
		s.BaggagePattern("v2"),
		grammar.AnyBaggagePattern,
		s.StrictPattern(grammar.Judged{}, grammar.Condition{}),
		s.SetPattern("v2"),
		s.BaggageSetPattern("v2"),
		s.StrictSetPatterns([]string{"v1", "v2"})[0],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, code -, page +:\n%s", page, diff)
	}
}
