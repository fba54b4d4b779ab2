package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// fewest is the minimal number of requests.
const fewest = 500

// TestCorpus counts the cases, and compares the counts with those in the docs.
func TestCorpus(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	read := map[string]bool{}
	for _, w := range worlds(t) {
		for _, header := range w.Vocabulary.Headers {
			if _, err := conform.ParseHeader(header); err != nil {
				t.Errorf("world %s: %v", w.Name, err)
			}
		}
		names := map[string]bool{}
		for _, c := range casesOf(t, w, seed, w.Generated) {
			if names[c.Name] {
				t.Errorf("world %s has two cases %s", w.Name, c.Name)
			}
			names[c.Name] = true
			kinds[c.Kind] += max(len(w.Variants), 1)
		}
		read[w.Name+".txt"] = true
	}
	files, err := filepath.Glob("testdata/cases/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !read[filepath.Base(file)] {
			t.Errorf("%s: no world of that name", file)
		}
	}
	all := 0
	for _, n := range kinds {
		all += n
	}
	var table strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&table, "| %s | %d |\n", kind, kinds[kind])
	}
	fmt.Fprintf(&table, "| all | %d |\n", all)
	if all < fewest {
		t.Errorf("there are %d requests, want %d", all, fewest)
	}
	docs, err := os.ReadFile(filepath.Join(root, "docs/conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), table.String()) {
		t.Errorf("docs/conformance.md has other counts than:\n%s", &table)
	}
	inText := regexp.MustCompile(`\*\*([0-9,]+) requests\*\*`).FindSubmatch(docs)
	if inText == nil || strings.ReplaceAll(string(inText[1]), ",", "") != strconv.Itoa(all) {
		t.Errorf("docs/conformance.md says another number of requests than %d", all)
	}
}
