package internal_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure packages make decisions; they may import each other and no other package of this
// module. I/O packages import them, never vice versa.
var pure = []string{
	"diag", "grammar", "model", "discover", "route", "valid", "mesh", "compile", "prove", "island", "istio", "encoded", "generate", "envoy", "packed", "plan", "current", "event", "proxysync", "gate", "explain", "report", "preview", "edge", "token", "grant", "access", "carry", "closed", "trail", "picture",
}

// forbidden imports would let a decision depend on more than its input.
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
					// A subpackage of the standard library may be harmless, such as
					// net/url.
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

// TestLinterKnowsPurePackages: the linter's lists of pure packages match this file.
func TestLinterKnowsPurePackages(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile("../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/internal/{" + strings.Join(pure, ",") + "}/**", "^internal/(" + strings.Join(pure, "|") + ")/\n"} {
		if !strings.Contains(string(config), want) {
			t.Errorf(".golangci.yml does not have %q", want)
		}
	}
}

// TestPlanKnowsNoBackEnd: a plan orders writes of any objects.
func TestPlanKnowsNoBackEnd(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("plan/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		for _, path := range imports(t, file) {
			if !strings.HasSuffix(file, "_test.go") && (strings.HasPrefix(path, "istio.io/") || path == module+"internal/istio" || path == module+"internal/envoy") {
				t.Errorf("%s imports %s", file, path)
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

// TestProgramCanBeInstalled: `go install …@latest` rejects a module with replace
// directives, and could not find an unpublished module of this repository.
func TestProgramCanBeInstalled(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(strings.TrimSpace(line), "replace") || strings.HasPrefix(strings.TrimSpace(line), module) {
			t.Errorf("go.mod has the line %s", line)
		}
	}
}
