package diag_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// TestEveryCodeIsListed holds the constants of codes.go against the list.
func TestEveryCodeIsListed(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				declared = append(declared, name.Name)
				if value := spec.Values[i].(*ast.BasicLit).Value; value != `"`+name.Name+`"` {
					t.Errorf("%s = %s, want its own name", name.Name, value)
				}
			}
		}
		return true
	})
	var listed []string
	for _, entry := range diag.Codes() {
		listed = append(listed, string(entry.Code))
		if !strings.HasSuffix(entry.Meaning, ".") || strings.HasSuffix(entry.Fix, ".") {
			t.Errorf("%s: the meaning is sentences, the fix is none", entry.Code)
		}
		if entry.Severity != diag.Info && entry.Fix == "" {
			t.Errorf("%s: nothing says what to do", entry.Code)
		}
	}
	if d := cmp.Diff(declared, listed); d != "" {
		t.Errorf("constants and list differ:\n%s", d)
	}
	if got := diag.Code("Unheard").Entry(); got.Severity != diag.Error {
		t.Errorf("an unknown code is %v, want an error", got.Severity)
	}
}

func TestDiagnosticString(t *testing.T) {
	t.Parallel()
	d := diag.New(diag.NoServices, diag.Object{Kind: "List"}, "%d objects", 2).At(diag.Origin{File: "a.yaml", Document: 2, Line: 7})
	want := "a.yaml:7 (document 2): warning: List: 2 objects [NoServices]\n  fix: give the manifests of the Services together with their workloads"
	if d.String() != want {
		t.Errorf("got\n%s\nwant\n%s", d, want)
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	a := diag.New(diag.NoServices, diag.Object{}, "a").At(diag.Origin{File: "x", Line: 1})
	b := diag.New(diag.NoServices, diag.Object{}, "b").At(diag.Origin{File: "x", Line: 1})
	c := diag.New(diag.BrokenDocument, diag.Object{}, "c").At(diag.Origin{File: "x", Line: 2})
	got := diag.Sort([]diag.Diagnostic{c, b, a, b})
	if !slices.Equal(got, []diag.Diagnostic{a, b, c}) {
		t.Errorf("got %v", got)
	}
	if worst, found := diag.Worst(got); worst != diag.Error || !found {
		t.Errorf("worst of %v is %v", got, worst)
	}
	if _, found := diag.Worst(nil); found {
		t.Error("nothing has a worst")
	}
}
