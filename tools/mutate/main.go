// Mutate removes rules from packages, one at a time, and runs their tests: a rule whose
// removal fails no test is untested.
//
//	mutate [-o FILE] [-run RULE] [-first TESTS] [-p N] MODULE PACKAGE...
//
// It reads testdata/mutants.txt of each PACKAGE, a folder below MODULE, and changes
// nothing there: mutants are in an overlay (go test -overlay), many in one binary. It
// prints a table, and writes it to FILE, that says which test fails without each rule.
// Tests that match TESTS, a pattern, run first, the others only if none of these fails.
// With RULE, a pattern, only matching rules are removed: FILE keeps the lines of the
// others. The exit code is 1 if a mutant survives, does not build, or has a text that is
// not in the file exactly once, and 2 if the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
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
	if page, err := os.ReadFile(*file); err == nil {
		r.kept = lines(string(page))
	}
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

// mutant is a package without one rule.
type mutant struct {
	rule, file string
	// old is a text of file, which instead replaces.
	old, instead string
}

// parse reads mutants: each is a line "-- FILE: RULE --", then the text of the file, a
// line "=>", and the replacement.
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
	ctx      context.Context //nolint:containedctx // of one run
	module   string
	only     *regexp.Regexp
	first    string
	parallel int
	out      io.Writer
	// kept are outcomes of rules that do not run.
	kept         map[line]string
	count, alive int
	table        strings.Builder
}

// atOnce is the number of mutants in one binary.
const atOnce = 16

// outcome is the result of a mutant's tests.
type outcome struct {
	how    string
	killed bool
}

// testPackage tests the selected mutants of a package.
func (r *runner) testPackage(name string) error {
	text, err := os.ReadFile(filepath.Join(r.module, name, "testdata", "mutants.txt"))
	if err != nil {
		return err
	}
	mutants, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	dir, err := filepath.Abs(filepath.Join(r.module, name))
	if err != nil {
		return err
	}
	run := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !r.only.MatchString(m.rule) })
	found, err := r.testAll(slices.Chunk(run, atOnce), func(part []mutant) *batch {
		return &batch{runner: r, name: name, dir: dir, mutants: part}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(&r.table, "\n## %s\n\n| rule | file | killed by |\n|---|---|---|\n", name)
	for _, m := range mutants {
		o, isRun := found[m]
		if !isRun {
			o = keep(r.kept[line{name, m.rule, m.file}])
		}
		r.count++
		if !o.killed {
			r.alive++
		}
		fmt.Fprintf(&r.table, "| %s | %s | %s |\n", m.rule, m.file, o.how)
	}
	return nil
}

// testAll tests parts of mutants, several at once.
func (r *runner) testAll(parts iter.Seq[[]mutant], batchOf func([]mutant) *batch) (map[mutant]outcome, error) {
	found := map[mutant]outcome{}
	var failed error
	var lock sync.Mutex
	var wait sync.WaitGroup
	free := make(chan struct{}, r.parallel)
	for part := range parts {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			outcomes, err := batchOf(part).test()
			lock.Lock()
			defer lock.Unlock()
			failed = errors.Join(failed, err)
			for i, o := range outcomes {
				found[part[i]] = o
				fmt.Fprintf(r.out, "%-72s %s\n", part[i].rule, o.how)
			}
		})
	}
	wait.Wait()
	return found, failed
}
