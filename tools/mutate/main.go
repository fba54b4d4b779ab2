// Mutate takes rules out of packages, one at a time, and runs their tests: a rule that
// no test misses is a rule that no test holds.
//
//	mutate [-o FILE] [-run RULE] [-first TESTS] [-p N] MODULE PACKAGE...
//
// It reads testdata/mutants.txt of each PACKAGE, a folder below MODULE, and changes
// nothing there: each mutant is laid over its file (go test -overlay). The table that it
// prints, and writes to FILE, says which test fails without the rule. Those that match
// TESTS, a pattern, are run first, the others where none of these fails. The exit code is 1
// if a mutant survives, does not build, or names text that is not there exactly once,
// and 2 if it was called wrongly.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("o", "", "write the table to `FILE` too")
	only := flags.String("run", "", "only rules that match `RULE`, a pattern")
	first := flags.String("first", "Test", "`TESTS` that are run before all others")
	parallel := flags.Int("p", 2, "run the tests of `N` mutants at once")
	if flags.Parse(args) != nil {
		return 2
	}
	pattern, err := regexp.Compile(*only)
	if err != nil || flags.NArg() < 2 {
		fmt.Fprintln(stderr, "usage: mutate [-o FILE] [-run RULE] [-first TESTS] [-p N] MODULE PACKAGE...")
		return 2
	}
	r := &runner{ctx: ctx, module: flags.Arg(0), only: pattern, first: *first, parallel: max(*parallel, 1), out: stdout}
	for _, name := range flags.Args()[1:] {
		if err := r.testPackage(name); err != nil {
			fmt.Fprintf(stderr, "mutate: %v\n", err)
			return 1
		}
	}
	fmt.Fprintf(stdout, "%d mutants, %d not killed\n", r.count, r.alive)
	if *file != "" {
		if err := os.WriteFile(*file, []byte(r.document()), 0o600); err != nil {
			fmt.Fprintf(stderr, "mutate: %v\n", err)
			return 1
		}
	}
	if r.alive > 0 {
		return 1
	}
	return 0
}

// mutant is a package with one rule taken out.
type mutant struct {
	rule, file string
	// old is a text of file, instead of which there is another.
	old, instead string
}

// parse reads mutants: for each a line "-- FILE: RULE --", then the text of the file, a
// line "=>", and what is there instead.
func parse(text string) ([]mutant, error) {
	var out []mutant
	for _, part := range strings.Split("\n"+text, "\n-- ")[1:] {
		head, body, _ := strings.Cut(part, " --\n")
		file, rule, found := strings.Cut(head, ": ")
		old, instead, both := strings.Cut("\n"+strings.TrimRight(body, "\n")+"\n", "\n=>\n")
		if !found || !both {
			return nil, fmt.Errorf("mutant %q: want -- FILE: RULE --, and => between two texts", head)
		}
		out = append(out, mutant{rule, file, strings.TrimPrefix(old, "\n"), strings.TrimSuffix(instead, "\n")})
	}
	return out, nil
}

// runner runs the tests of mutants.
type runner struct {
	ctx          context.Context //nolint:containedctx // of one run
	module       string
	only         *regexp.Regexp
	first        string
	parallel     int
	out          io.Writer
	count, alive int
	table        strings.Builder
}

func (r *runner) testPackage(name string) error {
	text, err := os.ReadFile(filepath.Join(r.module, name, "testdata", "mutants.txt"))
	if err != nil {
		return err
	}
	mutants, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(&r.table, "\n## %s\n\n| rule | file | killed by |\n|---|---|---|\n", name)
	mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !r.only.MatchString(m.rule) })
	outcomes := make([]chan outcome, len(mutants))
	free := make(chan struct{}, r.parallel)
	for i := range mutants {
		outcomes[i] = make(chan outcome, 1)
	}
	go func() {
		for i := range mutants {
			free <- struct{}{}
			go func() {
				defer func() { <-free }()
				o := r.test(name, mutants[i])
				fmt.Fprintf(r.out, "%-72s %s\n", mutants[i].rule, o.how)
				outcomes[i] <- o
			}()
		}
	}()
	for i, m := range mutants {
		o := <-outcomes[i]
		if o.err != nil {
			return fmt.Errorf("%s: %s: %w", m.file, m.rule, o.err)
		}
		r.count++
		if !o.killed {
			r.alive++
		}
		fmt.Fprintf(&r.table, "| %s | %s | %s |\n", m.rule, m.file, o.how)
	}
	return nil
}

// outcome is what tests say of a mutant.
type outcome struct {
	how    string
	killed bool
	err    error
}

// test runs the tests of a package with a mutant in it.
func (r *runner) test(name string, m mutant) outcome {
	path, err := filepath.Abs(filepath.Join(r.module, name, m.file))
	if err != nil {
		return outcome{err: err}
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return outcome{err: err}
	}
	if r.ctx.Err() != nil {
		return outcome{how: "NOT RUN: it was interrupted"}
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return outcome{how: fmt.Sprintf("NOT APPLIED: its text is there %d times", n)}
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return outcome{err: err}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := lay(dir, path, strings.Replace(string(source), m.old, m.instead, 1))
	if err != nil {
		return outcome{err: err}
	}
	var o outcome
	for _, tests := range []string{r.first, "Test"} {
		// Most of the time is the linker's: it leaves out what debuggers need.
		cmd := exec.CommandContext(r.ctx, "go", "test", "-count=1", "-short", "-vet=off", "-ldflags=-s -w", "-timeout=2m", "-overlay", overlay, "-run", tests, "./"+name)
		cmd.Dir = r.module
		said, err := cmd.CombinedOutput()
		if r.ctx.Err() != nil {
			return outcome{how: "NOT RUN: it was interrupted"}
		}
		if o.how, o.killed = verdict(said, err == nil); o.how != survived || r.first == "Test" {
			break
		}
	}
	return o
}

// lay writes an overlay of one file into a folder, and returns its name.
func lay(dir, path, source string) (string, error) {
	changed, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	data, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(changed, []byte(source), 0o600), os.WriteFile(overlay, data, 0o600))
}

const survived = "SURVIVED"

// verdict reads what go test says.
func verdict(said []byte, passed bool) (how string, killed bool) {
	if passed {
		return survived, false
	}
	if bytes.Contains(said, []byte("[build failed]")) || bytes.Contains(said, []byte("[setup failed]")) {
		return "NOT APPLIED: does not build", false
	}
	failed := failures.FindAllSubmatch(said, -1)
	if len(failed) == 0 {
		return "a panic, or a test that does not end", true
	}
	// A test is named before its subtests: those say more.
	name := string(failed[0][1])
	for _, f := range failed {
		if strings.HasPrefix(string(f[1]), name+"/") {
			name = string(f[1])
		}
	}
	return name, true
}

var failures = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// document is the table as a page.
func (r *runner) document() string {
	return fmt.Sprintf(`# Rules that tests hold

Each line is a rule that was taken out of a package, and the test that fails without it.
`+"`make mutants`"+` takes them out again, and writes this page. The rules are in
`+"`testdata/mutants.txt`"+` of each package: a text of a file and what is there instead. A
rule that survives, or whose text is not there any more, fails it.

%d rules, %d of which no test holds.
%s`, r.count, r.alive, r.table.String())
}
