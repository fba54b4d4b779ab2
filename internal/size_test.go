package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestNoTemplates: a program that holds text/template's or html/template's look-up of
// methods by name holds every method of every type; a third of the program's
// memory would be such. Cobra needs templates only where its own texts are changed.
func TestNoTemplates(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "grpcnotrace", "../cmd/overrides")
	output, err := list.Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	for _, path := range []string{"html/template", "golang.org/x/net/trace"} {
		if slices.Contains(strings.Fields(string(output)), path) {
			t.Errorf("overrides imports %s", path)
		}
	}
}
