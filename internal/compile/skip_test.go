package compile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestSkipReasons: the reasons are in the order of their stages, each has a code that the
// reference explains, and says when it applies in words of its own.
func TestSkipReasons(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	last := asGiven
	for _, r := range skipReasons {
		if r.at < last {
			t.Errorf("%s: its stage comes before that of the reason before it", r.when)
		}
		last = r.at
		if meaning := r.code.Entry().Meaning; r.code != "" && meaning == "" {
			t.Errorf("%s: there is no code %q", r.when, r.code)
		}
		if r.when == "" || seen[r.when] {
			t.Errorf("reason %q is empty or there twice", r.when)
		}
		seen[r.when] = true
	}
}

// TestSkipReasonsAreFound: for each code of a reason there is an archive in which a Service
// is left alone for it, but for those that no manifests bring about.
func TestSkipReasonsAreFound(t *testing.T) {
	t.Parallel()
	found := map[string]bool{
		"": true, // a version of another Service gets no diagnostic
		// The proof's tests have rejections.
		string(diag.OrdinaryTrafficWouldChange): true,
	}
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "want.diag" {
				continue
			}
			for line := range strings.Lines(string(f.Data)) {
				if _, rest, ok := strings.Cut(line, ": left alone: "); ok {
					found[strings.TrimSuffix(strings.TrimSpace(rest[strings.LastIndex(rest, "[")+1:]), "]")] = true
				}
			}
		}
	}
	for _, r := range skipReasons {
		if !found[string(r.code)] {
			t.Errorf("no archive has a Service that is left alone for %s", r.code)
		}
	}
}

// TestSnapshotIsReadByIndex: no file but index.go reads the lists of a snapshot, so that
// the methods of the index are all that ties Services to other objects.
func TestSnapshotIsReadByIndex(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "index.go" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, content, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok && x.Sel.Name == "snapshot" {
				t.Errorf("%s reads the snapshot of the index", file)
			}
			return true
		})
	}
}
