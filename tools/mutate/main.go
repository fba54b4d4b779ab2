// Mutate takes rules out of packages, one at a time, and runs their tests: a rule that
// no test misses is a rule that no test holds.
//
//	mutate [-o FILE] [-run RULE] MODULE PACKAGE...
//
// It reads testdata/mutants.txt of each PACKAGE, a folder below MODULE, and changes
// nothing there: each mutant is laid over its file (go test -overlay). The table that it
// prints, and writes to FILE, says which test fails without the rule. The exit code is 1
// if a mutant survives, does not build, or names text that is not there exactly once,
// and 2 if it was called wrongly.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
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
	if flags.Parse(args) != nil {
		return 2
	}
	pattern, err := regexp.Compile(*only)
	if err != nil || flags.NArg() < 2 {
		fmt.Fprintln(stderr, "usage: mutate [-o FILE] [-run RULE] MODULE PACKAGE...")
		return 2
	}
	r := &runner{ctx: ctx, module: flags.Arg(0), only: pattern, out: stdout}
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
	for _, m := range mutants {
		if !r.only.MatchString(m.rule) {
			continue
		}
		how, killed, err := r.test(name, m)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", m.file, m.rule, err)
		}
		r.count++
		if !killed {
			r.alive++
		}
		fmt.Fprintf(r.out, "%-72s %s\n", m.rule, how)
		fmt.Fprintf(&r.table, "| %s | %s | %s |\n", m.rule, m.file, how)
	}
	return nil
}

// test runs the tests of a package with a mutant in it, and says what kills it.
func (r *runner) test(name string, m mutant) (how string, killed bool, err error) {
	path, err := filepath.Abs(filepath.Join(r.module, name, m.file))
	if err != nil {
		return "", false, err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", false, err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return fmt.Sprintf("NOT APPLIED: its text is there %d times", n), false, nil
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return "", false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.instead, 1)), 0o600); err != nil {
		return "", false, err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", false, err
	}
	if err := os.WriteFile(overlay, data, 0o600); err != nil {
		return "", false, err
	}
	// Most of the time is the linker's: it leaves out what debuggers need.
	cmd := exec.CommandContext(r.ctx, "go", "test", "-count=1", "-short", "-vet=off", "-ldflags=-s -w", "-timeout=2m", "-overlay", overlay, "./"+name)
	cmd.Dir = r.module
	said, err := cmd.CombinedOutput()
	if r.ctx.Err() != nil {
		return "", false, r.ctx.Err()
	}
	how, killed = verdict(said, err == nil)
	return how, killed, nil
}

// verdict reads what go test says.
func verdict(said []byte, passed bool) (how string, killed bool) {
	if passed {
		return "SURVIVED", false
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
