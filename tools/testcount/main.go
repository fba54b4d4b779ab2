// Testcount runs the tests of several folders, mostly of Go modules, and counts them.
//
//	testcount FOLDER... [-- FLAG...]
//
// It calls "go test -json FLAG... ./..." in each folder, shows one line for a package
// that passed and everything for one that did not, lists skipped tests and the reasons,
// and ends with a line such as
//
//	812 passed, 0 failed, 3 skipped
//
// Subtests count as tests, and a package that fails without a failed test, for example
// because it does not build, counts as one failure. The exit code is 1 if anything failed
// and 2 if the command line is wrong.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
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
	modules, flags := args, []string(nil)
	if i := slices.Index(args, "--"); i >= 0 {
		modules, flags = args[:i], args[i+1:]
	}
	if len(modules) == 0 {
		fmt.Fprintln(stderr, "usage: testcount FOLDER... [-- FLAG...]")
		return 2
	}
	c := &counter{out: stdout, tests: map[test]*bytes.Buffer{}, failedIn: map[string]bool{}}
	for _, module := range modules {
		if err := c.module(ctx, module, flags, stderr); err != nil {
			fmt.Fprintf(stderr, "testcount: %s: %v\n", module, err)
		}
	}
	fmt.Fprintf(stdout, "%d passed, %d failed, %d skipped\n", c.passed, c.failed, c.skipped)
	if c.failed > 0 {
		return 1
	}
	return 0
}

// event is one line of "go test -json"; see "go doc test2json" and
// "go help buildjson", whose events carry ImportPath instead of Package.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// test names a test; an empty name is the package itself.
type test struct{ pkg, name string }

type counter struct {
	out                     io.Writer
	passed, failed, skipped int
	// tests has the output of tests that have not ended yet.
	tests map[test]*bytes.Buffer
	// failedIn has the packages in which a test failed.
	failedIn map[string]bool
}

// module runs the tests of one module. Messages of go outside of the stream, for example
// about a broken go.mod, go to stderr, and count as a failure if nothing else failed.
func (c *counter) module(ctx context.Context, dir string, flags []string, stderr io.Writer) error {
	args := append([]string{"test", "-json"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./...")...)
	cmd.Dir = dir
	cmd.Stderr = stderr
	stream, err := cmd.StdoutPipe()
	if err != nil {
		c.failed++
		return err
	}
	if err := cmd.Start(); err != nil {
		c.failed++
		return err
	}
	before := c.failed
	readErr := c.read(stream)
	if err := cmd.Wait(); err != nil && c.failed == before {
		c.failed++
		return err
	}
	return readErr
}

func (c *counter) read(stream io.Reader) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				// A program under test wrote past the stream: show it as it is.
				fmt.Fprintf(c.out, "%s", line)
			} else {
				c.handle(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			c.failed++
			return err
		}
	}
}

func (c *counter) handle(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "output":
		if c.tests[t] == nil {
			c.tests[t] = &bytes.Buffer{}
		}
		c.tests[t].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(c.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			c.endPackage(t, e.Action)
		} else {
			c.endTest(t, e.Action)
		}
	}
}

func (c *counter) endTest(t test, action string) {
	output := c.take(t)
	switch action {
	case "pass":
		c.passed++
	case "skip":
		c.skipped++
		fmt.Fprintf(c.out, "skip\t%s\t%s\t%s\n", t.pkg, t.name, reason(output))
	case "fail":
		c.failed++
		c.failedIn[t.pkg] = true
		fmt.Fprint(c.out, output)
	}
}

func (c *counter) endPackage(t test, action string) {
	output := c.take(t)
	if action != "fail" {
		for line := range strings.Lines(output) {
			if strings.HasPrefix(line, "ok") {
				fmt.Fprint(c.out, line)
			}
		}
		return
	}
	if !c.failedIn[t.pkg] {
		c.failed++
	}
	// A test that a panic or os.Exit interrupted never ended, and has the reason in its
	// output.
	for cut := range c.tests {
		if cut.pkg == t.pkg {
			fmt.Fprint(c.out, c.take(cut))
		}
	}
	fmt.Fprint(c.out, output)
}

// take returns the output of t and forgets it.
func (c *counter) take(t test) string {
	output := c.tests[t]
	delete(c.tests, t)
	if output == nil {
		return ""
	}
	return output.String()
}

// reason returns a skipped test's message, without go's own lines.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}
