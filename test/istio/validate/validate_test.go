package validate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// TestObjects validates the files of testdata. Each begins with its problems, one per
// line: "error: …" or "warning: …", with a part of the text.
func TestObjects(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/objects.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			t.Parallel()
			report, err := validate.Objects(file.Data)
			if err != nil {
				t.Fatal(err)
			}
			if report.Objects == 0 {
				t.Error("no object was looked at")
			}
			wantErrors, wantWarnings := problems(string(file.Data))
			compare(t, "error", wantErrors, report.Errors)
			compare(t, "warning", wantWarnings, report.Warnings)
		})
	}
}

// problems reads the comment at the top of a file.
func problems(data string) (errs, warnings []string) {
	for line := range strings.Lines(data) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if !ok {
			break
		}
		if text, ok := strings.CutPrefix(comment, "error: "); ok {
			errs = append(errs, text)
		} else if text, ok := strings.CutPrefix(comment, "warning: "); ok {
			warnings = append(warnings, text)
		}
	}
	return errs, warnings
}

func compare(t *testing.T, what string, want []string, got []error) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %ss, want %d: %v", len(got), what, len(want), got)
		return
	}
	for i := range got {
		if !strings.Contains(got[i].Error(), want[i]) {
			t.Errorf("%s %d is %q, want one with %q", what, i, got[i], want[i])
		}
	}
}

// TestGoldens requires that Istio accepts every object in every golden output of the
// module: sections of .txtar files and plain files of testdata folders named want*.yaml.
func TestGoldens(t *testing.T) {
	t.Parallel()
	goldens, err := findGoldens(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(goldens) == 0 {
		t.Skip("no want*.yaml in any testdata of the module")
	}
	objects := 0
	for _, golden := range goldens {
		report, err := validate.Objects(golden.data)
		if err != nil {
			t.Fatal(err)
		}
		objects += report.Objects
		for _, err := range report.Errors {
			t.Errorf("%s: %v", golden.name, err)
		}
		for _, warning := range report.Warnings {
			t.Logf("warning: %s: %v", golden.name, warning)
		}
	}
	t.Logf("%d objects in %d goldens", objects, len(goldens))
}

// golden is one expected output.
type golden struct {
	name string
	data []byte
}

// findGoldens searches internal, test, cmd and examples below root, but not this module's
// own testdata.
func findGoldens(root string) ([]golden, error) {
	var goldens []golden
	for _, dir := range []string{"internal", "test", "cmd", "examples"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry os.DirEntry, err error) error {
			switch {
			case os.IsNotExist(err):
				return nil
			case err != nil:
				return err
			case entry.IsDir() && path == filepath.Join(root, "test", "istio"):
				return filepath.SkipDir
			case entry.IsDir() || !strings.Contains(filepath.ToSlash(path), "/testdata/"):
				return nil
			}
			found, err := readGoldens(path)
			goldens = append(goldens, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return goldens, nil
}

func readGoldens(path string) ([]golden, error) {
	isArchive := filepath.Ext(path) == ".txtar"
	if !isArchive && !isGolden(path) {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil || !isArchive {
		return []golden{{path, data}}, err
	}
	var goldens []golden
	for _, file := range txtar.Parse(data).Files {
		if isGolden(file.Name) {
			goldens = append(goldens, golden{path + ": " + file.Name, file.Data})
		}
	}
	return goldens, nil
}

func isGolden(name string) bool {
	matched, err := filepath.Match("want*.yaml", filepath.Base(name))
	return matched && err == nil
}
