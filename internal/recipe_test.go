package internal_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var yamlBlock = regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```$")

// TestRecipesAreYAML: all YAML in recipes can be parsed, keys given once, and a Kubernetes
// object has a kind and a name.
func TestRecipesAreYAML(t *testing.T) {
	t.Parallel()
	blocks := 0
	for page, content := range pages(t) {
		if !strings.HasPrefix(page, "docs/recipes/") {
			continue
		}
		for _, match := range yamlBlock.FindAllStringSubmatch(content, -1) {
			blocks++
			decoder := yaml.NewDecoder(strings.NewReader(match[1]))
			for {
				var document map[string]any
				err := decoder.Decode(&document)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Errorf("%s: %v in\n%s", page, err, match[1])
					break
				}
				metadata, _ := document["metadata"].(map[string]any)
				if document["apiVersion"] != nil && (document["kind"] == nil || metadata["name"] == nil) {
					t.Errorf("%s: an object has no kind or name:\n%s", page, match[1])
				}
			}
		}
	}
	if blocks < 5 {
		t.Errorf("%d blocks", blocks)
	}
}

var (
	inputOfAction = regexp.MustCompile(`\$\{\{ *inputs\.([a-z]+)`)
	variable      = regexp.MustCompile(`\b(?:PREVIEW|OVERRIDES)_[A-Z]+\b`)
)

// TestAction: the action runs the scripts beside it and no other action, texts of a pull
// request are in no command, and scripts and recipe name what the action has.
func TestAction(t *testing.T) {
	t.Parallel()
	const folder = root + "/.github/actions/preview"
	content, err := os.ReadFile(folder + "/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]any
		Runs   struct {
			Using string
			Steps []struct {
				Uses, Run, Shell string
				Env              map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(content, &action); err != nil || action.Runs.Using != "composite" {
		t.Fatalf("it is no composite action: %v", err)
	}
	set, ran := map[string]bool{"OVERRIDES_DOWNLOADS": true}, []string{}
	for _, step := range action.Runs.Steps {
		script, ok := strings.CutPrefix(strings.Trim(step.Run, `"`), "$GITHUB_ACTION_PATH/")
		if info, err := os.Stat(filepath.Join(folder, script)); !ok || step.Uses != "" || step.Shell != "bash" || err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("a step does not run a script: %+v (%v)", step, err)
		}
		ran = append(ran, script)
		for name := range step.Env {
			set[name] = true
		}
	}
	for _, script := range ran {
		text, err := os.ReadFile(filepath.Join(folder, script))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			if !set[name] {
				t.Errorf("%s reads %s, which no step sets", script, name)
			}
		}
	}
	for _, match := range inputOfAction.FindAllStringSubmatch(string(content), -1) {
		if action.Inputs[match[1]] == nil {
			t.Errorf("there is no input %s", match[1])
		}
	}
	inputsOfRecipe(t, action.Inputs)
}

// inputsOfRecipe checks that the recipe gives inputs that the action has.
func inputsOfRecipe(t *testing.T, inputs map[string]any) {
	t.Helper()
	var workflow struct {
		Jobs struct {
			Preview struct {
				Steps []struct {
					Uses string
					With map[string]any
				}
			}
		}
	}
	block := yamlBlock.FindStringSubmatch(pages(t)["docs/recipes/github.md"])
	if len(block) == 0 || yaml.Unmarshal([]byte(block[1]), &workflow) != nil {
		t.Fatal("the recipe has no workflow")
	}
	at := slices.IndexFunc(workflow.Jobs.Preview.Steps, func(s struct {
		Uses string
		With map[string]any
	},
	) bool {
		return strings.Contains(s.Uses, "/.github/actions/preview@")
	})
	if at < 0 {
		t.Fatal("the recipe does not use the action")
	}
	for name := range workflow.Jobs.Preview.Steps[at].With {
		if inputs[name] == nil {
			t.Errorf("the recipe gives input %s, which the action does not have", name)
		}
	}
}
