package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var step = regexp.MustCompile(`(?m)^step ([a-z0-9-]+)$`)

// TestWorkflowRunsEverything compares the workflow with .ci/run: both run the same steps.
func TestWorkflowRunsEverything(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(root + "/.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, match := range step.FindAllStringSubmatch(string(script), -1) {
		want = append(want, match[1])
	}
	content, err := os.ReadFile(root + "/.github/workflows/ci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs struct {
			Make struct {
				Strategy struct {
					Matrix struct{ Step []string }
				}
				Steps []struct{ Run string }
			}
		}
	}
	if err := yaml.Unmarshal(content, &workflow); err != nil {
		t.Fatal(err)
	}
	job := workflow.Jobs.Make
	if diff := cmp.Diff(want, job.Strategy.Matrix.Step); diff != "" {
		t.Errorf("the workflow and .ci/run have other steps (-.ci/run +workflow):\n%s", diff)
	}
	if last := job.Steps[len(job.Steps)-1].Run; last != "make ${{ matrix.step }}" {
		t.Errorf("a job runs %q", last)
	}
}

var suites = regexp.MustCompile(`(?m)^(?:E2E|OPERATOR)_SUITES +\?= (.*)$`)

// TestSuitesRun: make test does not run the module test, so each of its packages with
// tests must be in one of the Makefile's two lists.
func TestSuitesRun(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for _, match := range suites.FindAllStringSubmatch(string(makefile), -1) {
		for suite := range strings.FieldsSeq(match[1]) {
			run[filepath.Clean(suite)] = true
		}
	}
	if len(run) == 0 {
		t.Error("the Makefile has no lists of suites")
	}
	for _, folder := range folders(t) {
		inside, ok := strings.CutPrefix(folder, "test/")
		suite, _, _ := strings.Cut(inside, "/")
		if _, err := os.Stat(filepath.Join(root, "test", suite, "go.mod")); !ok || err == nil || run["test/"+suite] {
			continue
		}
		if tests, err := filepath.Glob(filepath.Join(root, folder, "*_test.go")); err != nil || len(tests) > 0 {
			t.Errorf("no target of the Makefile runs the tests of %s (%v)", folder, err)
		}
	}
}
