package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the repository's root, relative to this package.
const root = ".."

var listed = regexp.MustCompile(`(?m)^//\t([a-z0-9_]+\.go) `)

// TestDocListsFiles compares the list of files in a doc.go with its folder.
func TestDocListsFiles(t *testing.T) {
	t.Parallel()
	lists := 0
	for _, folder := range folders(t) {
		doc, err := os.ReadFile(filepath.Join(root, folder, "doc.go"))
		if err != nil {
			continue // most folders have one, or say all in one file
		}
		var got []string
		for _, match := range listed.FindAllStringSubmatch(string(doc), -1) {
			got = append(got, match[1])
		}
		if len(got) == 0 {
			continue
		}
		lists++
		slices.Sort(got)
		if diff := cmp.Diff(sources(t, folder), got); diff != "" {
			t.Errorf("%s/doc.go lists other files than there are (-there +listed):\n%s", folder, diff)
		}
	}
	if lists < 7 {
		t.Errorf("%d packages list their files", lists)
	}
}

// sources lists the files of a package, except doc.go and tests.
func sources(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		if name := filepath.Base(file); name != "doc.go" && !strings.HasSuffix(name, "_test.go") {
			out = append(out, name)
		}
	}
	return out
}

// folders lists the folders of the repository that may contain Go, by path.
func folders(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "dist") {
			return filepath.SkipDir
		}
		relative, err := filepath.Rel(root, path)
		out = append(out, filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// nestedInPure reports whether a folder below internal is a package inside a pure one
// that does I/O for it, and not a helper for tests.
func nestedInPure(name string) bool {
	parent, nested, _ := strings.Cut(name, "/")
	return slices.Contains(pure, parent) && !strings.HasSuffix(nested, "test")
}

var row = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| .* \\|$")

// TestArchitecture compares the tables of docs/architecture.md with the folders: they
// list all packages below internal, mark the pure ones, and list all Go modules and all
// suites of the module test.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "/docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, match := range row.FindAllStringSubmatch(string(content), -1) {
		got[match[1]] = strings.HasSuffix(match[0], "| pure |")
	}
	want := map[string]bool{}
	for _, folder := range folders(t) {
		_, err := os.Stat(filepath.Join(root, folder, "go.mod"))
		parent, name, _ := strings.Cut(folder, "/")
		switch {
		case err == nil && folder != ".", parent == "test" && !strings.Contains(name, "/"):
			want[folder] = false
		case len(sources(t, folder)) == 0 || strings.Contains(name, "/") && !nestedInPure(name):
		case parent == "internal":
			want[folder] = slices.Contains(pure, name)
		case parent == "api" || parent == "cmd":
			want[folder] = false
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/architecture.md has other packages, or other pure ones, than there are (-there +described):\n%s", diff)
	}
}

var namedTest = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// TestThreatModel: the tests that docs/security.md names exist.
func TestThreatModel(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, match := range namedTest.FindAllStringSubmatch(string(text), -1) {
		named[match[1]] = true
	}
	if len(named) < 20 {
		t.Errorf("it names %d tests", len(named))
	}
	for _, folder := range []string{"internal", "test"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			for _, match := range declaredTest.FindAllSubmatch(code, -1) {
				delete(named, string(match[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range named {
		t.Errorf("there is no test %s", name)
	}
}

var declaredTest = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
