package internal_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure packages decide; they may import each other and no other package of
// this module. I/O imports them, never the other way round.
var pure = []string{
	"diag", "grammar", "model", "discover", "route", "valid", "mesh", "compile", "prove", "istio", "generate", "envoy", "plan", "current", "event", "converge", "gate", "explain", "report",
}

// forbidden imports would let a decision depend on something but its input.
var forbidden = []string{
	"context", "crypto/rand", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec", "sync",
	"k8s.io/client-go", "k8s.io/klog", "sigs.k8s.io/controller-runtime", "github.com/go-logr",
}

const module = "github.com/overrides-mesh/overrides/"

func TestPurePackagesStayPure(t *testing.T) {
	t.Parallel()
	for _, name := range pure {
		files, err := filepath.Glob(filepath.Join(name, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("package %s: no files: %v", name, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, path := range imports(t, file) {
				if slices.ContainsFunc(forbidden, func(f string) bool {
					// Below a package of the standard library may be a harmless one, such as net/url.
					return path == f || (strings.Contains(f, ".") && strings.HasPrefix(path, f+"/"))
				}) {
					t.Errorf("%s imports %s", file, path)
				}
				if own, ours := strings.CutPrefix(path, module); ours && !isPure(own) {
					t.Errorf("%s imports %s, which is not pure", file, own)
				}
			}
		}
	}
}

func isPure(path string) bool {
	name, internal := strings.CutPrefix(path, "internal/")
	return strings.HasPrefix(path, "api/") || (internal && slices.Contains(pure, name))
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, path)
	}
	return out
}
