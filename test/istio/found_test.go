package istio_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/same"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

var update = flag.Bool("update", false, "write the answers into testdata")

// found is one file of testdata/found: users' objects, questions, and conditions. Its
// sections are
//
//	input.yaml      the users' objects
//	requests.txt    requests, see parseQuestions
//	unreleased.txt  workloads that nobody released: an ordinary request that
//	                reaches one requires a warning
//	must.txt        other conditions, see must
//	want.txt        the answers, and those of other revisions and ages of the
//	                output that differ
//	want.diag       the diagnostics
type found struct {
	*cluster
	archive   *txtar.Archive
	questions []question
	// answers are the answers of all revisions and ages, by question.
	answers map[string][]answered
}

// answered has a question's answer before and after.
type answered struct {
	revision, age             string
	before, after             oracle.Answer
	beforeFailed, afterFailed error
}

// TestFound compares inputs that once broke a promise with the real istiod. Whatever
// want.txt and want.diag contain: no revision treats an ordinary request differently, at
// any age of the output; Istio and the API server accept all output; and no ordinary
// request reaches an unreleased pod without a warning.
func TestFound(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/found/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find testdata: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			f := readFound(t, file)
			f.ask(t)
			f.golden(t, file)
			f.checkMade(t)
			f.checkOrdinary(t)
			f.checkUnreleased(t)
			f.checkMust(t)
		})
	}
}

func readFound(t *testing.T, file string) *found {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := &found{archive: archive, answers: map[string][]answered{}}
	for _, section := range archive.Files {
		switch section.Name {
		case "input.yaml", "requests.txt", "unreleased.txt", "must.txt", "want.txt", "want.diag":
		default:
			t.Fatalf("unknown section %s", section.Name)
		}
	}
	if f.cluster, err = readCluster(t.Context(), []byte(f.section("input.yaml"))); err != nil {
		t.Fatal(err)
	}
	if f.questions, err = parseQuestions(f.section("requests.txt")); err != nil || len(f.questions) == 0 {
		t.Fatalf("%d requests, %v", len(f.questions), err)
	}
	return f
}

func (f *found) section(name string) string {
	for _, section := range f.archive.Files {
		if section.Name == name {
			return string(section.Data)
		}
	}
	return ""
}

// ask asks all questions of all revisions, at all ages.
func (f *found) ask(t *testing.T) {
	t.Helper()
	revisions, err := oracle.Revisions(f.users)
	if err != nil {
		t.Fatal(err)
	}
	// The default revision comes first: for others only differences are written.
	slices.SortStableFunc(revisions, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "default"), strings.TrimPrefix(b, "default"))
	})
	var all []oracle.Options
	for _, revision := range revisions {
		all = append(all, oracle.Options{Revision: revision}, oracle.Options{Revision: revision, Reverse: true})
	}
	for _, options := range all {
		before, after, err := f.load(options)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range f.questions {
			a := answered{revision: options.Revision}
			if options.Reverse {
				a.revision += " reversed"
			}
			a.before, a.beforeFailed = before.Send(q.from, q.request)
			for i, age := range f.ages() {
				a.age = age.name
				a.after, a.afterFailed = after[i].Send(q.from, q.request)
				f.answers[q.line] = append(f.answers[q.line], a)
			}
		}
		closeAll(before, after)
	}
}

// golden compares want.txt and want.diag, or writes them.
func (f *found) golden(t *testing.T, file string) {
	t.Helper()
	got := map[string]string{"want.txt": f.text(), "want.diag": f.said()}
	if *update {
		for _, name := range []string{"want.txt", "want.diag"} {
			f.archive.Files = slices.DeleteFunc(f.archive.Files, func(s txtar.File) bool { return s.Name == name })
			f.archive.Files = append(f.archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
		}
		if err := os.WriteFile(file, txtar.Format(f.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, text := range got {
		if diff := cmp.Diff(f.section(name), text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// said lists the diagnostics, one per line.
func (c *cluster) said() string {
	var lines []string
	for _, d := range c.diags {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Severity, d.Code, d.Object))+"\n")
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

// text lists the answers: those of the default revision with younger output, and others
// if they differ.
func (f *found) text() string {
	var out strings.Builder
	for _, q := range f.questions {
		fmt.Fprintln(&out, ">", q.line)
		before, after := map[string]bool{}, map[string]bool{}
		for _, a := range f.answers[q.line] {
			if text := describe(a.before, a.beforeFailed, &q); !before[text] {
				before[text] = true
				fmt.Fprintf(&out, "before%s %s\n", label(len(before), a.revision, ""), text)
			}
			if text := describe(a.after, a.afterFailed, &q); !after[text] {
				after[text] = true
				fmt.Fprintf(&out, "after%s %s\n", label(len(after), a.revision, a.age), text)
			}
		}
	}
	return out.String()
}

func label(n int, revision, age string) string {
	if n == 1 {
		return ""
	}
	return " (" + strings.TrimSuffix(revision+", "+age, ", ") + ")"
}

func describe(a oracle.Answer, err error, q *question) string {
	if err != nil {
		return "error: " + err.Error()
	}
	text := a.String()
	if details := a.Details(q.request.Path); details != "" {
		text += " [" + details + "]"
	}
	return text
}

var exponent = regexp.MustCompile(`(?m): -?[0-9.]+e[+-][0-9]+$`)

// checkMade: all output would be accepted, with unique names.
func (f *found) checkMade(t *testing.T) {
	t.Helper()
	report, err := validate.Objects(f.made)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range report.Errors {
		t.Errorf("refused: %v", err)
	}
	seen := map[diag.Object]bool{}
	for _, o := range f.objects {
		if seen[o.Object] {
			t.Errorf("%s is made twice", o.Object)
		}
		seen[o.Object] = true
	}
	if number := exponent.Find(f.made); number != nil {
		t.Errorf("a whole number is written as %s", number)
	}
}

// checkOrdinary: no ordinary request is treated differently.
func (f *found) checkOrdinary(t *testing.T) {
	t.Helper()
	pinned := f.pin()
	f.eachOrdinary(t, func(a *answered) string {
		if fmt.Sprint(a.beforeFailed) != fmt.Sprint(a.afterFailed) {
			return fmt.Sprintf("%v, was %v", a.afterFailed, a.beforeFailed)
		}
		differences := same.Differences(a.before, a.after, pinned)
		if len(differences) == 0 || f.allowed(differences) {
			return ""
		}
		return fmt.Sprintf("before %s\nafter  %s\n%s", a.before, a.after, strings.Join(differences, "\n"))
	})
}

// checkUnreleased: an ordinary request that reaches an unreleased pod requires a warning.
func (f *found) checkUnreleased(t *testing.T) {
	t.Helper()
	unreleased := strings.Fields(f.section("unreleased.txt"))
	f.eachOrdinary(t, func(a *answered) string {
		pods := slices.DeleteFunc(reached(a.after), func(pod string) bool { return !slices.Contains(unreleased, pod) })
		pods = slices.DeleteFunc(pods, f.warnsOf)
		if len(pods) == 0 {
			return ""
		}
		return fmt.Sprintf("reaches %v, and no warning says so", pods)
	})
}

// eachOrdinary fails for each fault that wrong finds in answers to an ordinary request,
// and lists its revisions and ages.
func (f *found) eachOrdinary(t *testing.T, wrong func(*answered) string) {
	t.Helper()
	for _, q := range f.questions {
		var texts []string
		where := map[string][]string{}
		for i := range f.answers[q.line] {
			a := &f.answers[q.line][i]
			if !q.ordinary() {
				continue
			}
			if text := wrong(a); text != "" {
				if where[text] == nil {
					texts = append(texts, text)
				}
				where[text] = append(where[text], a.revision+" "+a.age)
			}
		}
		for _, text := range texts {
			t.Errorf("%s (%s):\n%s", q.line, strings.Join(where[text], ", "), text)
		}
	}
}

// reached lists the pods that may get a request, or a copy of it.
func reached(a oracle.Answer) []string {
	var out []string
	for _, d := range slices.Concat(a.Destinations, a.Mirrors) {
		out = append(out, d.Pods...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
