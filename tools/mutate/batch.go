package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// batch is some mutants of one package whose tests are one binary, since linking takes
// most of the time. Each mutant is a package below the original one, next to a copy of
// the tests that imports it instead. All of them exist only in an overlay.
type batch struct {
	*runner
	// name is the package's folder below the module, dir its absolute path.
	name, dir string
	mutants   []mutant
	// temp has the changed files.
	temp    string
	overlay map[string]string
	// tests are the names of the tests.
	tests []string
}

// test runs the tests of each mutant.
func (b *batch) test() ([]outcome, error) {
	temp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	b.temp, b.overlay = temp, map[string]string{}
	outcomes := make([]outcome, len(b.mutants))
	for i := range b.mutants {
		if outcomes[i], err = b.lay(i); err != nil {
			return nil, err
		}
	}
	if err := b.build(outcomes); err != nil {
		return nil, err
	}
	for i := range outcomes {
		if outcomes[i].how == "" {
			outcomes[i] = b.runTests(i)
		}
	}
	return outcomes, nil
}

// lay puts the i-th mutant, and its tests, into the overlay.
func (b *batch) lay(i int) (outcome, error) {
	files, err := filepath.Glob(filepath.Join(b.dir, "*.go"))
	if err != nil {
		return outcome{}, err
	}
	to := filepath.Join(b.dir, packageOf(i))
	b.tests = nil
	var o outcome
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return outcome{}, err
		}
		source, base := string(data), filepath.Base(path)
		name, isTest := strings.CutSuffix(base, "_test.go")
		if isTest && !external.MatchString(source) {
			// This file exports internals for other tests; its own tests do not run.
			if err := b.write(filepath.Join(to, name+"_inside.go"), source); err != nil {
				return outcome{}, err
			}
			continue
		}
		if isTest {
			b.tests = append(b.tests, testsIn(source)...)
			if err := b.write(filepath.Join(to, "tests", name+".go"), b.testsOf(i, source)); err != nil {
				return outcome{}, err
			}
			continue
		}
		if m := b.mutants[i]; m.file == base {
			if n := strings.Count(source, m.old); n != 1 {
				o.how = fmt.Sprintf("NOT APPLIED: its text is there %d times", n)
			}
			source = strings.Replace(source, m.old, m.instead, 1)
		}
		if err := b.write(filepath.Join(to, base), source); err != nil {
			return outcome{}, err
		}
	}
	return o, nil
}

func packageOf(i int) string { return fmt.Sprintf("mutant%d", i) }

// write puts a file into the overlay.
func (b *batch) write(path, source string) error {
	file := filepath.Join(b.temp, fmt.Sprintf("%d.go", len(b.overlay)))
	b.overlay[path] = file
	return os.WriteFile(file, []byte(source), 0o600)
}

var (
	external      = regexp.MustCompile(`(?m)^package \w+_test$`)
	packageClause = regexp.MustCompile(`(?m)^package \w+$`)
	flagName      = regexp.MustCompile(`(flag\.\w+\("\w+)"`)
	testFunction  = regexp.MustCompile(`(?m)^func (Test\w+)\(\w+ \*testing\.T\)`)
)

// testsOf converts a file of tests to a package for the i-th mutant: flags in one binary
// need different names.
func (b *batch) testsOf(i int, source string) string {
	source = packageClause.ReplaceAllString(source, "package tests")
	source = flagName.ReplaceAllString(source, fmt.Sprintf(`${1}%d"`, i))
	return strings.ReplaceAll(source, "/"+b.name+`"`, "/"+b.name+"/"+packageOf(i)+`"`)
}

func testsIn(source string) []string {
	var out []string
	for _, found := range testFunction.FindAllStringSubmatch(source, -1) {
		out = append(out, found[1])
	}
	return out
}

// build builds the binary of all mutants without an outcome; those that don't build get
// one.
func (b *batch) build(outcomes []outcome) error {
	for range 2 {
		if !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.how == "" }) {
			return nil
		}
		said, err := b.compile(outcomes)
		switch {
		case b.ctx.Err() != nil:
			for i := range outcomes {
				outcomes[i] = outcome{how: interrupted}
			}
			return nil
		case err == nil:
			return nil
		}
		failed := false
		for i := range outcomes {
			if outcomes[i].how == "" && strings.Contains(said, "/"+packageOf(i)+"\n") {
				outcomes[i], failed = outcome{how: "NOT APPLIED: does not build"}, true
			}
		}
		if !failed {
			return fmt.Errorf("build tests of %s: %w\n%s", b.name, err, said)
		}
	}
	return errors.New("tests of " + b.name + " don't build")
}

// compile builds the binary, and returns the compiler's errors.
func (b *batch) compile(outcomes []outcome) (string, error) {
	module, err := exec.CommandContext(b.ctx, "go", "list", "-C", b.module, "-m").Output()
	if err != nil {
		return "", err
	}
	var imports, tests strings.Builder
	for i, o := range outcomes {
		if o.how != "" {
			continue
		}
		fmt.Fprintf(&imports, "\t%s %q\n", packageOf(i), strings.TrimSpace(string(module))+"/"+b.name+"/"+packageOf(i)+"/tests")
		fmt.Fprintf(&tests, "\nfunc Test%d(t *testing.T) {\n", i)
		for _, name := range b.tests {
			fmt.Fprintf(&tests, "\tt.Run(%q, %s.%s)\n", name, packageOf(i), name)
		}
		tests.WriteString("}\n")
	}
	all := "package mutants\n\nimport (\n\t\"testing\"\n\n" + imports.String() + ")\n" + tests.String()
	if err := b.write(filepath.Join(b.dir, "mutants", "all_test.go"), all); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": b.overlay})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(b.temp, "overlay.json")
	if err := os.WriteFile(overlay, data, 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(b.ctx, "go", "test", "-C", b.module, "-c", "-o", b.binary(), "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "./"+b.name+"/mutants")
	said, err := cmd.CombinedOutput()
	return string(said), err
}

func (b *batch) binary() string { return filepath.Join(b.temp, "mutants.test") }

const (
	survived    = "SURVIVED"
	interrupted = "NOT RUN: it was interrupted"
)

// runTests runs the tests of the i-th mutant.
func (b *batch) runTests(i int) outcome {
	var o outcome
	for _, tests := range []string{b.first, "Test"} {
		cmd := exec.CommandContext(b.ctx, b.binary(), "-test.short", "-test.timeout=2m", "-test.run", fmt.Sprintf("^Test%d$/(%s)", i, tests))
		cmd.Dir = b.dir
		said, err := cmd.CombinedOutput()
		if b.ctx.Err() != nil {
			return outcome{how: interrupted}
		}
		if o.how, o.killed = verdict(said, err == nil); o.how != survived || b.first == "Test" {
			break
		}
	}
	return o
}

// verdict reads the output of a mutant's tests.
func verdict(said []byte, passed bool) (how string, killed bool) {
	if passed {
		return survived, false
	}
	failed := failures.FindAllSubmatch(said, -1)
	if len(failed) == 0 {
		return "a panic, or a test that does not end", true
	}
	// A test is listed before its subtests, whose messages are more precise.
	name := string(failed[0][1])
	for _, f := range failed {
		if strings.HasPrefix(string(f[1]), name+"/") {
			name = string(f[1])
		}
	}
	return name, true
}

// failures matches tests below the one of a mutant.
var failures = regexp.MustCompile(`(?m)^ *--- FAIL: Test\d+/(\S+)`)
