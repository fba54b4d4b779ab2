package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamplesWork runs the examples in the help texts that need nothing but the files
// that ship with the program.
func TestExamplesWork(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	tree := newApp("overrides", Streams{In: strings.NewReader(""), Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
	for _, c := range append(tree.root.Commands(), tree.root) {
		if c.Name() != "completion" && c.Name() != "help" && c.Example == "" {
			t.Errorf("command %s has no example", c.Name())
		}
		for _, line := range commandLines(c.Example) {
			args := words(t, line)
			if !runnable(args) {
				continue
			}
			ran[args[1]]++
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "examples/", root+"/examples/")
			}
			var out, errs bytes.Buffer
			code := Main(t.Context(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if code != exitFine {
				t.Errorf("%s\nexit code %d\n%s", line, code, &errs)
			}
		}
	}
	for _, command := range []string{"generate", "explain", "check", "header", "versions", "version"} {
		if ran[command] == 0 {
			t.Errorf("no example of %s was run", command)
		}
	}
}

// commandLines returns the lines of an example that are commands. It joins lines that end
// with a backslash.
func commandLines(example string) []string {
	var out []string
	for line := range strings.SplitSeq(strings.ReplaceAll(example, "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "overrides ") {
			out = append(out, line)
		}
	}
	return out
}

// runnable excludes commands that need a shell, a cluster, or the reader's files.
func runnable(args []string) bool {
	files := args[1] == "header" || args[1] == "version"
	for _, a := range args {
		if a == "|" || a == ">" || strings.HasPrefix(a, "deploy/") || a == "diff" {
			return false
		}
		files = files || a == "-f"
	}
	return files
}

// words splits a line as a shell does, to the extent that examples need.
func words(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '\'':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				out = append(out, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		t.Fatalf("a quote is open: %s", line)
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}
