package internal_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var step = regexp.MustCompile(`(?m)^step ([a-z0-9-]+)$`)

// TestWorkflowRunsEverything holds the workflow against .ci/run: both run the same steps.
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
