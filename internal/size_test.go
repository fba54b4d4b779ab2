package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestNoTemplates: if a program contains the look-up of methods by name of text/template
// or html/template, it contains every method of every type, a third of its memory. Cobra
// needs templates only if its own texts are changed.
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
