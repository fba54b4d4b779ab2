package istio_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// check checks a property on the meshes that once failed it, whose seeds are in
// testdata/seeds.txt, and on as many generated ones as the command line says. Each
// failure is also a golden of package mesh or an archive of testdata/found, since another
// generator makes another mesh from the same seed.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	if testing.Short() {
		t.Skip("many meshes to translate")
	}
	for _, seed := range kept(t) {
		t.Run("seed "+seed, func(t *testing.T) {
			set(t, "rapid.checks", "1")
			set(t, "rapid.seed", seed)
			rapid.Check(t, property)
		})
	}
	rapid.Check(t, property)
}

// kept lists the seeds of a test in the file.
func kept(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 1 && words[0] == t.Name() {
			out = append(out, words[1])
		}
	}
	return out
}

// set sets a flag until the end of t.
func set(t *testing.T, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	before := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(before) })
}
