package chart_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/test/chart"
)

var update = flag.Bool("update", false, "rewrite the want files of testdata")

const (
	repository = "../.."
	folder     = repository + "/" + chart.Folder
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func render(t *testing.T, values map[string]any) *chart.Rendered {
	t.Helper()
	r, err := chart.Render(t.Context(), folder, values)
	check(t, err)
	return r
}

// archive is one file of testdata: values, and the resulting objects.
type archive struct {
	name   string
	path   string
	text   *txtar.Archive
	values map[string]any
}

func archives(t *testing.T) []archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	check(t, err)
	if len(paths) == 0 {
		t.Fatal("no testdata")
	}
	var out []archive
	for _, path := range paths {
		a := archive{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), path: path}
		a.text, err = txtar.ParseFile(path)
		check(t, err)
		for _, f := range a.text.Files {
			switch f.Name {
			case "values.yaml":
				check(t, yaml.UnmarshalStrict(f.Data, &a.values))
			case "want.diff", "want.notes":
			default:
				t.Fatalf("%s: nothing reads %s", path, f.Name)
			}
		}
		out = append(out, a)
	}
	return out
}

// TestGolden compares the chart's output for several values with testdata: the default in
// full, other values as differences from it.
func TestGolden(t *testing.T) {
	t.Parallel()
	ordinary := render(t, nil)
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			r, base := render(t, a.values), ordinary
			if len(a.values) == 0 {
				base = &chart.Rendered{}
			}
			got := map[string]string{"want.diff": difference(base, r), "want.notes": r.Notes}
			if *update {
				for i, f := range a.text.Files {
					if text, ok := got[f.Name]; ok {
						a.text.Files[i].Data = []byte(text)
					}
				}
				check(t, os.WriteFile(a.path, txtar.Format(a.text), 0o644))
				return
			}
			for _, f := range a.text.Files {
				if text, ok := got[f.Name]; ok {
					if d := cmp.Diff(string(f.Data), text); d != "" {
						t.Errorf("%s (-update rewrites):\n%s", f.Name, d)
					}
				}
			}
		})
	}
}

// difference writes the objects of r that are not in base, the differences of the objects
// in both, and the names of those only in base.
func difference(base, r *chart.Rendered) string {
	before := map[string]string{}
	for _, o := range base.All() {
		before[o.ID()] = o.Text
	}
	var b strings.Builder
	for _, o := range r.All() {
		text, there := before[o.ID()]
		delete(before, o.ID())
		if there && text == o.Text {
			continue
		}
		if there {
			changes := diff.Diff(o.ID(), []byte(text), o.ID(), []byte(o.Text))
			// The first line only names the compared texts.
			_, body, _ := strings.Cut(string(changes), "\n")
			b.WriteString(body)
			continue
		}
		b.WriteString("---\n# " + o.Source + "\n")
		if o.GetKind() == "CustomResourceDefinition" {
			b.WriteString("# " + o.ID() + ", with all annotations:\n")
			annotations, _ := yaml.Marshal(o.GetAnnotations())
			b.Write(annotations)
			continue
		}
		b.WriteString(o.Text)
	}
	for _, o := range base.All() {
		if _, gone := before[o.ID()]; gone {
			b.WriteString("--- # gone: " + o.ID() + "\n")
		}
	}
	return b.String()
}

// TestMade checks that the files made from the chart are up to date.
func TestMade(t *testing.T) {
	t.Parallel()
	files, err := chart.Manifests(t.Context(), repository)
	check(t, err)
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(repository, path))
		check(t, err)
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s is old (make manifests):\n%s", path, d)
		}
	}
}
