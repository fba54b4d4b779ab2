package internal_test

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestMakeHelp: the output of make help has two columns, whatever the names of the
// targets, and fits a terminal.
func TestMakeHelp(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	output, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "..", "help").Output()
	if err != nil {
		t.Fatalf("make help: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	column := strings.Index(lines[0], "Show this list")
	if column < 0 || len(lines) < 20 {
		t.Fatalf("not the list of targets:\n%s", output)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > 100 {
			t.Errorf("longer than 100 characters: %s", line)
		}
		if len(line) <= column || line[column-2:column] != "  " || line[column] == ' ' {
			t.Errorf("the explanation does not begin in column %d: %s", column, line)
		}
	}
}
