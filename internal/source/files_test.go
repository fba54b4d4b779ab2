package source_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/source"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestRead reads the files of an archive, all of them as one directory, and
// compares what was found and what was said with want.txt.
func TestRead(t *testing.T) {
	t.Parallel()
	tests, err := filepath.Glob("testdata/read/*.txtar")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests found: %v", err)
	}
	for _, test := range tests {
		t.Run(strings.TrimSuffix(filepath.Base(test), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(test)
			if err != nil {
				t.Fatal(err)
			}
			dir, want := t.TempDir(), (*txtar.File)(nil)
			for i, f := range archive.Files {
				if f.Name == "want.txt" {
					want = &archive.Files[i]
					continue
				}
				write(t, filepath.Join(dir, f.Name), f.Data)
			}
			objects, diags, err := source.Read(t.Context(), []string{dir}, nil, source.FileOptions{})
			got := strings.ReplaceAll(report(objects, diags, err), dir+string(filepath.Separator), "")
			got = strings.ReplaceAll(got, dir, "DIR")
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(test, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want.Data), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func report(o *discover.Objects, diags []diag.Diagnostic, err error) string {
	var out strings.Builder
	if err != nil {
		fmt.Fprintf(&out, "ERROR %v\n", err)
	}
	for _, d := range diags {
		fmt.Fprintln(&out, d)
	}
	if o == nil {
		return out.String()
	}
	for _, s := range o.Services {
		name := diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
		fmt.Fprintf(&out, "%s (%s)\n", name, o.Origins[name])
	}
	for _, d := range o.Workloads {
		name := diag.Object{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name}
		fmt.Fprintf(&out, "%s (%s)\n", name, o.Origins[name])
	}
	if o.PassedOver > 0 {
		fmt.Fprintf(&out, "passed over: %d\n", o.PassedOver)
	}
	return out.String()
}

const web = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"

func TestReadStdin(t *testing.T) {
	t.Parallel()
	objects, diags, err := source.Read(t.Context(), []string{"-"}, strings.NewReader("\ufeff"+web), source.FileOptions{Namespace: "shop"})
	if got, want := report(objects, diags, err), "Service shop/web (stdin:1)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{nil, "no file, directory or - was given"},
		{[]string{"-", "testdata/none.yaml"}, "testdata/none.yaml: no such file or directory"},
		{[]string{"-", "-"}, "standard input can be read only once"},
		{[]string{"https://example.com/a.yaml"}, "https://example.com/a.yaml: URLs are not read; fetch it first and give -f -"},
	} {
		objects, diags, err := source.Read(t.Context(), c.paths, iotest.ErrReader(errors.New("was read")), source.FileOptions{})
		if !errors.Is(err, source.ErrUsage) || err.Error() != c.want {
			t.Errorf("%v: got %v, want %s", c.paths, err, c.want)
		}
		if objects != nil || diags != nil {
			t.Errorf("%v: something was read", c.paths)
		}
	}
}

// TestReadPaths walks links, hidden files and what is no file.
func TestReadPaths(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	named := func(name string) []byte { return []byte(strings.ReplaceAll(web, "web", name)) }
	write(t, filepath.Join(dir, "b.yaml"), named("b"))
	write(t, filepath.Join(dir, "a", "z.yml"), named("a-z"))
	write(t, filepath.Join(dir, "a", "README.md"), []byte("a: b: c"))
	write(t, filepath.Join(dir, ".git", "c.yaml"), named("git"))
	write(t, filepath.Join(dir, ".hidden.yaml"), named("hidden"))
	write(t, filepath.Join(dir, "kustomization.yaml"), []byte("resources: [b.yaml]"))
	write(t, filepath.Join(other, "linked.txt"), named("linked"))
	write(t, filepath.Join(other, "dir", "d.yaml"), named("in-linked-dir"))
	link(t, filepath.Join(other, "linked.txt"), filepath.Join(dir, "c.yaml"))
	link(t, filepath.Join(other, "dir"), filepath.Join(dir, "d"))
	link(t, dir, filepath.Join(dir, "loop.yaml"))
	link(t, dir, filepath.Join(other, "root"))

	for _, c := range []struct {
		name  string
		paths []string
		want  []string
	}{
		{"directory", []string{dir}, []string{"a-z", "b", "linked"}},
		{"link to a directory", []string{filepath.Join(other, "root")}, []string{"a-z", "b", "linked"}},
		{"several, in their order", []string{filepath.Join(dir, "b.yaml"), filepath.Join(dir, "a")}, []string{"b", "a-z"}},
		{"named files are read whatever they are called", []string{filepath.Join(other, "linked.txt"), filepath.Join(dir, ".hidden.yaml")}, []string{"linked", "hidden"}},
	} {
		objects, diags, err := source.Read(t.Context(), c.paths, nil, source.FileOptions{})
		if err != nil || len(diags) > 0 {
			t.Errorf("%s: %v, %v", c.name, diags, err)
			continue
		}
		var got []string
		for _, s := range objects.Services {
			got = append(got, s.Name)
			if file := objects.Origins[diag.Object{Kind: "Service", Namespace: "default", Name: s.Name}].File; strings.Contains(file, "//") {
				t.Errorf("%s: bad name %s", c.name, file)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skip(err)
	}
}

// TestReadUnreadable wants what can't be read to be said, and everything else to be
// read.
func TestReadUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), []byte(web))
	link(t, "nowhere", filepath.Join(dir, "b.yaml"))
	link(t, "c.yaml", filepath.Join(dir, "c.yaml"))
	write(t, filepath.Join(dir, "z.yaml"), []byte(strings.ReplaceAll(web, "web", "z")))
	objects, diags, err := source.Read(t.Context(), []string{dir, "-"}, iotest.ErrReader(errors.New("pipe broke")), source.FileOptions{})
	want := "b.yaml: error: it is a link to nowhere, which does not exist [UnreadableFile]\n  fix: make it readable, or leave it out of the input\n" +
		"c.yaml: error: can't be read: too many levels of symbolic links [UnreadableFile]\n  fix: make it readable, or leave it out of the input\n" +
		"stdin: error: can't be read: pipe broke [UnreadableFile]\n  fix: make it readable, or leave it out of the input\n" +
		"Service default/web (a.yaml:1)\nService default/z (z.yaml:1)\n"
	if d := cmp.Diff(want, strings.ReplaceAll(report(objects, diags, err), dir+string(filepath.Separator), "")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestReadForbidden wants a file and a folder without the right to read them to be said,
// named or found.
func TestReadForbidden(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), []byte(web))
	write(t, filepath.Join(dir, "b.yaml"), []byte(web))
	write(t, filepath.Join(dir, "c", "d.yaml"), []byte(web))
	for _, name := range []string{"b.yaml", "c"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, name), 0o700) })
	}
	if _, err := os.ReadFile(filepath.Join(dir, "b.yaml")); err == nil {
		t.Skip("this user may read everything")
	}
	for _, paths := range [][]string{{dir}, {filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml"), filepath.Join(dir, "c")}} {
		objects, diags, err := source.Read(t.Context(), paths, nil, source.FileOptions{})
		if err != nil || len(objects.Services) != 1 || len(diags) != 2 || diags[0].Code != diag.UnreadableFile || diags[1].Code != diag.UnreadableFile {
			t.Errorf("%v: %v, %v, %d Services", paths, diags, err, len(objects.Services))
		}
	}
}

// TestReadOnce wants a file that is given twice to be read once, where it was given last.
func TestReadOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")
	write(t, a, []byte(web))
	write(t, b, []byte(web))
	objects, diags, err := source.Read(t.Context(), []string{a, dir, a}, nil, source.FileOptions{})
	want := "a.yaml:1: warning: Service default/web: it is also defined in b.yaml:1; this definition is used [DuplicateObject]\n" +
		"  fix: remove one of them\nService default/web (a.yaml:1)\n"
	if d := cmp.Diff(want, strings.ReplaceAll(report(objects, diags, err), dir+string(filepath.Separator), "")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestReadKeepsOrder wants the result to be that of reading one after another,
// however many documents are read at a time.
func TestReadKeepsOrder(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	var want []string
	for i := range 300 {
		name := fmt.Sprintf("s-%d", i)
		want = append(want, name)
		fmt.Fprintf(&text, "---\n%s# %s\n", strings.ReplaceAll(web, "web", name), strings.Repeat("x", i*7919%5000))
		if i%10 == 0 {
			text.WriteString("---\na: b: c\n")
		}
	}
	objects, diags, err := source.Read(t.Context(), []string{"-"}, strings.NewReader(text.String()), source.FileOptions{})
	if err != nil || len(diags) != 30 {
		t.Fatalf("%d diagnostics, %v", len(diags), err)
	}
	if !slices.IsSortedFunc(diags, func(a, b diag.Diagnostic) int { return a.Origin.Line - b.Origin.Line }) {
		t.Error("diagnostics are not in the order of the input")
	}
	var got []string
	for _, s := range objects.Services {
		got = append(got, s.Name)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestReadCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := source.Read(ctx, []string{"-"}, strings.NewReader(strings.Repeat("---\n"+web, 1000)), source.FileOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestReadUnread wants objects of kinds that are not read to be looked into where
// they may make pods, and a ConfigMap where it may configure the mesh; of all others
// the type is enough, however it is written.
func TestReadUnread(t *testing.T) {
	t.Parallel()
	const text = `
apiVersion: apps.kruise.io/v1alpha1
kind: CloneSet
metadata: {name: a}
spec: {template: {metadata: {labels: {app: a}}, spec: {containers: []}}}
---
{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "b"}, "spec": {"template": {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": []}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: c}
`
	objects, diags, err := source.Read(t.Context(), []string{"-"}, strings.NewReader(text), source.FileOptions{})
	if err != nil || len(diags) > 0 {
		t.Fatal(diags, err)
	}
	want := []string{"CloneSet default/a", "Job default/b", "ConfigMap istio-system/istio"}
	if d := cmp.Diff(want, found(objects)); d != "" || objects.PassedOver != 2 {
		t.Errorf("%d were passed over, want 2; -want +got:\n%s", objects.PassedOver, d)
	}
}

// TestReadFormats wants files that are no text in UTF-8 to be told with what makes it of
// them.
func TestReadFormats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gz, wide := filepath.Join(dir, "a.yaml.gz"), filepath.Join(dir, "b.yaml")
	write(t, gz, []byte("\x1f\x8b\x08\x00\x00\x00"))
	write(t, wide, []byte("\x00a\x00:\x00 \x001\x00\n"))
	_, diags, err := source.Read(t.Context(), []string{gz, wide, "-"}, strings.NewReader("\xff\xfea\x00"), source.FileOptions{})
	var got []string
	for _, d := range diags {
		got = append(got, strings.ReplaceAll(d.Fix, dir+string(filepath.Separator), ""))
	}
	want := []string{
		"convert it to UTF-8 first, as in: gunzip -c a.yaml.gz | overrides generate -f -",
		"convert it to UTF-8 first, as in: iconv -f UTF-16BE -t UTF-8 b.yaml | overrides generate -f -",
		"convert it to UTF-8 first, as in: iconv -f UTF-16 -t UTF-8 FILE | overrides generate -f -",
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v; -want +got:\n%s", err, d)
	}
}
