package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// TestConformance plays all cases through the sidecars of a mesh, in all worlds. In each,
// it also sends ordinary requests before the objects of Overrides are in force.
func TestConformance(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	for _, w := range worlds(t) {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, m, w)
			if len(w.Variants) == 0 {
				manifests, err := w.Manifests()
				if err != nil {
					t.Fatal(err)
				}
				testVariant(t, w, d, manifests.Users)
			}
			for _, name := range slices.Sorted(maps.Keys(w.Variants)) {
				users := adapted(t, w, w.Variants[name])
				t.Run(name, func(t *testing.T) { testVariant(t, w, d, users) })
				if err := d.Disable(t.Context(), users); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// deploy deploys a world.
func deploy(t *testing.T, m *stage.Mesh, w *conform.World) *stage.Deployment {
	t.Helper()
	manifests, err := w.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	manifests.First = slices.Concat(manifests.First, adapted(t, w, w.Corpus))
	d, err := m.Deploy(t.Context(), w, manifests)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// adapted reads manifests of the corpus.
func adapted(t *testing.T, w *conform.World, paths []string) []byte {
	t.Helper()
	var out []byte
	for _, path := range paths {
		file, name, _ := strings.Cut(path, "#")
		data, err := os.ReadFile(filepath.Join(corpus, file))
		if err != nil {
			t.Skipf("no corpus in this checkout: %s", file)
		}
		manifest, err := conform.Adapt(data, name, w.Namespaces[0])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, manifest...)
	}
	return out
}

// testVariant tests a world with some of a user's objects.
func testVariant(t *testing.T, w *conform.World, d *stage.Deployment, users []byte) {
	t.Helper()
	if err := d.Users(t.Context(), users); err != nil {
		t.Fatal(err)
	}
	before := sendOrdinary(t, w, d, true)
	said := analyze(t, d)
	if err := d.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("Generate", func(t *testing.T) { testGenerated(t, d) })
	t.Run("Ordinary", func(t *testing.T) { compareOrdinary(t, d.Oracle(), before, sendOrdinary(t, w, d, false)) })
	t.Run("Analyze", func(t *testing.T) { testAnalyze(t, d, said) })
	all := slices.DeleteFunc(cases(t, w), func(c conform.Case) bool {
		_, err := d.Oracle().Expect(&c)
		return errors.Is(err, conform.ErrUsers)
	})
	results := sendAll(t, w, d, all)
	logs := readLogs(t, d, all, results)
	for i := range all {
		r := &results[i]
		r.wrong = slices.Concat(r.wrong, otherRoutes(r.expected, logs[all[i].Name]), otherThanOrdinary(before, &all[i], r))
	}
	judge(t, w, d.Oracle(), all, results)
}

// testGenerated compares the output of generate with the result compiled here from the
// same cluster: both are under test.
func testGenerated(t *testing.T, d *stage.Deployment) {
	t.Helper()
	want, err := d.Expected()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(bytes.TrimSpace(d.Made()))); diff != "" {
		t.Fatalf("generate printed something else than was compiled here (-here +generate):\n%s", diff)
	}
}

// readLogs returns the sidecars' log entries of the sent cases.
func readLogs(t *testing.T, d *stage.Deployment, all []conform.Case, results []played) map[string][]stage.Logged {
	t.Helper()
	var names []string
	for i := range all {
		if len(results[i].seen) > 0 {
			names = append(names, all[i].Name)
		}
	}
	logs, err := d.Logs(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

// otherRoutes lists the routes that a sidecar should not have taken.
func otherRoutes(e *conform.Expectation, logged []stage.Logged) []string {
	var wrong []string
	for _, l := range logged {
		if e != nil && l.Route != e.Route && (e.Route != "" || l.Route != "-") {
			wrong = append(wrong, fmt.Sprintf("the sidecar took route %q (cluster %s, flags %s), want %q", l.Route, l.Cluster, l.Flags, e.Route))
		}
	}
	return wrong
}
