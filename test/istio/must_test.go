package istio_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// checkMust checks the lines of must.txt:
//
//	kept WORKLOAD              ordinary requests that reached it still do
//	reaches WORKLOAD: REQUEST  that request goes there and nowhere else
//	warned OBJECT              a warning, or an error, is about the object
//	code CODE, no CODE         that diagnostic is reported, or is not
//
// With "-or-warned" after the first word, a warning about a Service of the workload
// also suffices.
func (f *found) checkMust(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(f.section("must.txt")) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		verb, orWarned := strings.CutSuffix(verb, "-or-warned")
		if workload, _, _ := strings.Cut(rest, ":"); orWarned && f.warnsOf(workload) {
			continue
		}
		holds := false
		switch verb {
		case "kept":
			holds = f.keeps(rest)
		case "reaches":
			workload, request, _ := strings.Cut(rest, ": ")
			holds = f.reaches(workload, request)
		case "warned":
			holds = slices.ContainsFunc(f.diags, func(d diag.Diagnostic) bool { return d.Object.String() == rest && d.Severity >= diag.Warning })
		case "code", "no":
			said := slices.ContainsFunc(f.diags, func(d diag.Diagnostic) bool { return string(d.Code) == rest })
			holds = said == (verb == "code")
		default:
			t.Fatalf("must.txt: unknown word %q", verb)
		}
		if !holds {
			t.Errorf("does not hold: %s", line)
		}
	}
}

func (f *found) keeps(workload string) bool {
	asked := false
	for _, q := range f.questions {
		for _, a := range f.answers[q.line] {
			if !q.ordinary() || !slices.Contains(reached(a.before), workload) {
				continue
			}
			asked = true
			if !slices.Contains(reached(a.after), workload) {
				return false
			}
		}
	}
	return asked
}

func (f *found) reaches(workload, request string) bool {
	for _, a := range f.answers[request] {
		for _, d := range a.after.Destinations {
			if !slices.Equal(d.Pods, []string{workload}) {
				return false
			}
		}
		if len(a.after.Destinations) == 0 {
			return false
		}
	}
	return len(f.answers[request]) > 0
}
