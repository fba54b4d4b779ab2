package source

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/source/manifesttest"
)

// checkPlain holds what is converted of a document against the library, and reports
// whether it was.
func checkPlain(t interface {
	Helper()
	Errorf(string, ...any)
}, text string,
) bool {
	t.Helper()
	got, ok := plainToJSON([]byte(text))
	if !ok {
		return false
	}
	want, err := libraryToJSON([]byte(text))
	if err != nil || string(got) != string(want) {
		t.Errorf("%q:\n got %s\nwant %s, %v", text, got, want, err)
	}
	return true
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		plain bool
		texts []string
	}{
		{name: "structure", plain: true, texts: []string{
			"a: b", "---\na: b\n", "---   \na: b\n", "a:\n  b:\n    c: d\ne: f\n", "a:\nb:\n", "b: 1\na: 2\n", "z:\n  b: 1\n  x:\n    w: 2\n    v: 3\na: 4\n",
			"a:\n- b\n- c\nd: e\n", "a:\n  - b\n  -   c\nd: e\n", "- a\n- b: c\n  d: e\n-\n  f: g\n-\n- - h\n  - i\n", "a:\n- - - b: c\n      d: e\n",
			"a:\n-\n  b: c\n-\n- d\n", "  a: b\n  c:\n   d: e\n", "a: b   \nc:    d\n", "a:\n\n\n  b: c\n   \nd: e\n", "a :  b\n",
		}},
		{name: "comments", plain: true, texts: []string{
			"# x\na: b # y\n# z\nc: # d\n  e: f\n   # g\n", "a: b#c\nd: e#\n", "a: \"b # c\" # d\n", "- # a\n  b: c\n", "a: 'b'   # c",
		}},
		{name: "scalars", plain: true, texts: []string{
			"a: 1\nb: 0\nc: 017\nd: 0x1F\ne: 1.5\nf: 1e3\ng: -1\nh: 1_000\ni: 123456789012345678\nj: 1234567890123456789\nk: 99999999999999999999\nl: +1\n",
			"a: true\nb: False\nc: yes\nd: No\ne: on\nf: off\ng: y\nh: null\ni: ~\nj: Null\nk: trues\nl: nope\n",
			"a: 100m\nb: 64Mi\nc: 10s\nd: 30%\ne: 1.14.2\nf: v1\ng: 1:30\nh: 2001-12-15\ni: 1h30m\nj: 0.5\nk: .5\n",
			"a: http://b:80/c\nd: b:c\ne: /healthz\nf: a, b\ng: a [b] {c}\nh: (a|b)*\ni: $(A)\nj: ^a$\nk: a-b\nl: it's\nm: a\"b\"\n",
			"a: \"b\"\nc: 'd'\ne: \"\"\nf: ''\ng: 'it''s'\nh: \"a\\tb\\u0041\"\ni: \"true\"\nj: '1'\nk: \"a: b\"\nl: 'a # b'\n",
			"\"a\": b\n'c': d\n\"e f\": g\n", "app.kubernetes.io/name: x\na_b-c: d\n",
		}},
		{name: "collections", plain: true, texts: []string{
			"a: {}\nb: []\nc: {cpu: 100m, memory: 64Mi}\nd: [a, b, 1]\ne: [\"a\", 'b']\nf: {a: [b, {c: d}]}\ng: {a: b}  \n- a\n"[:70],
			"- {a: b}\n- [c]\n", "a: {b: \"c\", d: 'e', a: []}\n", "a: [ b , {} ]\n", "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n", "a: {\"b\": c}\n", "a: {b: c,}\n", "a: [b, ]\n", "a: [\"\\t\", ~, 1.5]\n", "a: [\"\\t\"]\n", "a: ['b''c']\n", "a: {yes: b}\n",
			"a: {1: b}\n", "e: {b: c, d: \"\\t\"}\na: f\n", "a:\n" + strings.Repeat("- [\"\\t\"]\n", 100) + "b:\n  c: d\n", "a: [{b: c}, d]\n", "a: {<<: {b: c}, d: e}\n",
		}},
		{name: "literals", plain: true, texts: []string{
			"a: |\n  b\n  c\nd: e\n", "a: |-\n  b\n\n   c\n\n\nd: e\n", "a: |\n  b: c\n  - d\n  # e\n# f\ng: h\n", "- |\n  a\n- |-\n  b\n", "a:\n- b: |\n    c\n  d: e\n", "a: |\n\n  b\n", "a: |\n    b\n",
		}},
		{name: "left to the library", texts: []string{
			"", "# a", "---", "a", "\"a\"", "{a: b}", "a: &b c\nd: *b\n", "a: !!str 1\n", "a: >\n  b\n", "a: |+\n  b\n", "a: |2\n    b\n", "a: b\n  c\n", "a: \"b\n  c\"\n", "a: [b,\n  c]\n",
			"? a\n: b\n", "a:\tb\n", "a: b\r\n", "a: é\n", "\ufeffa: b\n", "1: a\n", "true: a\n", "yes: a\n", "<<: {a: b}\n", "a: {b: c} # d\n", "a b: c\n", "a: |\n  b", "a: |\n   \n  b\n", "a: |\nb: c\n",
			"%YAML 1.1\n---\na: b\n", "--- a: b\n", "a: b\n---\nc: d\n", "a: ---\n", "a: --- b\n", "a: ...\n", "a: ... b\n", "\"a\\tb\": c\n", "'a''b': c\n",
		}},
		{name: "wrong", texts: []string{
			"a: .inf\n", "a: b\na: c\n", "\"a\": b\na: c\n", "a: {b: c, b: d}\n", "a: b: c\n", "a: b:\n", "a: - b\n", "a:\n  b: c\n d: e\n", "a: b\n  c: d\n", "a:\n  - b\n - c\n", "a:\n- b\n c\n", "- a\nb: c\n", "a: b\n- c\n",
			"a: \"b\" c\n", "a: \"b\n", "a: [b\n", "a: {b: c}}\n", "a: {b: c}: d\n", "a: [b] c\n", "a: @b\n", "a: `b\n", "a: %b\n", "a: ,\n", "a: ]\n", "a: *b\n", "a: {b: *c}\n", "a: 'b'c\n", "a: 'b'#c\n", "a: {\"{\" : 1} : x}\n", "a: [\"[\"]: x]\n", "a: {b: c}: {d: e}\n", "a: {" + strings.Repeat("b", 1100) + ": c}\n", strings.Repeat("a", 1100) + ": b\n", "a: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "\n", "a: \"\\q\"\n",
			strings.Repeat("- ", 100) + "a\n",
		}},
	} {
		for _, text := range c.texts {
			if got := checkPlain(t, text); got != c.plain {
				t.Errorf("%s: %q: plain: %v", c.name, text, got)
			}
		}
	}
}

// TestPlainIsWhatManifestsAre wants real manifests to be plain, but for a few.
func TestPlainIsWhatManifestsAre(t *testing.T) {
	t.Parallel()
	var large bytes.Buffer
	if err := manifesttest.Write(&large, 2, 2); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../../shared/corpus/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{large.String()}
	for _, file := range append(files, "../../examples/chain/chain.yaml") {
		if text, err := os.ReadFile(file); err == nil {
			texts = append(texts, string(text))
		}
	}
	documents, plain := 0, 0
	for _, text := range texts {
		for document := range strings.SplitSeq("\n"+text, "\n---") {
			documents++
			if checkPlain(t, strings.TrimLeft(document, "\n")) {
				plain++
			}
		}
	}
	t.Logf("%d of %d documents are plain", plain, documents)
}

// TestPlainOfAnything converts lines that are put together from what means something to YAML.
func TestPlainOfAnything(t *testing.T) {
	t.Parallel()
	piece := func(of ...string) *rapid.Generator[string] { return rapid.SampledFrom(of) }
	// Most of it is well-formed, or hardly any document would be.
	line := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat("  ", rapid.IntRange(0, 3).Draw(t, "indent")) + piece("", "", "", "- ", "-   ", "- - ").Draw(t, "dash") +
				piece("a:", "b:", "c:", "d/e.f:", "\"g\":", "'h':").Draw(t, "key") +
				piece("", "", "", " x", " 1", " \"x\"", " {a: b}", " |", " |-", " # x", " [x]").Draw(t, "value")
		}),
		rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(" ", rapid.IntRange(0, 5).Draw(t, "indent")) +
				strings.Join(rapid.SliceOfN(piece(
					"a", "b", "1", "0x1F", "1.5", "true", "no", "null", "~", "<<", "x", ":", ": ", "-", "- ", "---", "...", "#", " #", " ", "  ", "\"", "'", "\\", "{", "}", "[", "]",
					",", ", ", "|", "|-", "|+", ">", "&a ", "*a", "!a ", "!!str ", "%", "@", "`", "?", "? ", "=", "\t", "\r", "é", "\u0085", "\ufeff", "\x00",
				), 0, 4).Draw(t, "pieces"), "")
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(line, 1, 8).Draw(t, "lines"), "\n") + piece("", "\n", "\n\n").Draw(t, "end")
		checkPlain(t, text)
	})
}

// TestPlainOfFewLines converts all documents of three lines out of many.
func TestPlainOfFewLines(t *testing.T) {
	t.Parallel()
	first := []string{
		"a: b", "a:", "- a", "-", "- b: c", "- - a", "x: |", "x: |-", "c: 'd'", "c: \"d\" # e", "d: {e: f}", "d: [e]", "e: 1", "\"f\": g", "- |", "- {a: b}",
		"g: - a", "text", "h: - ", "x: a: b", "- x: |", "- 'q'", "b: -", "a: ---", "? a", "-a",
	}
	var all []string
	for _, indent := range []string{"", " ", "  "} {
		for _, line := range slices.Concat(first, []string{"", "# c", "...", "---", "'q'", "y: z", "12: a", ": a"}) {
			all = append(all, indent+line)
		}
	}
	plain := 0
	for _, a := range first {
		for _, b := range all {
			for _, c := range all {
				if checkPlain(t, a+"\n"+b+"\n"+c+"\n") {
					plain++
				}
			}
		}
	}
	if plain < 10000 {
		t.Errorf("%d documents are plain", plain)
	}
}

// TestPlainOfCollections converts all collections of a few pieces.
func TestPlainOfCollections(t *testing.T) {
	t.Parallel()
	pieces := []string{"{", "}", "[", "]", ", ", ",", "a: ", "b: ", "x", "1", "~", "\"q\"", "-", " ", ":"}
	plain := 0
	var extend func(text string, left int)
	extend = func(text string, left int) {
		if checkPlain(t, text+"\n") {
			plain++
		}
		for _, piece := range pieces {
			if left > 0 {
				extend(text+piece, left-1)
			}
		}
	}
	extend("a: {", 4)
	extend("a: [", 4)
	extend("a: {a: [", 3)
	extend("a: [{a: x, ", 3)
	if plain < 100 {
		t.Errorf("%d collections are plain", plain)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("a: b # c\nd:\n- e: 100m\n  f: \"g\"\n- {h: [1, 2]}\ni: |\n  j\n\n   k\nl: 'm'\n")
	f.Add("---\n# a\nb:\n  - - c\n    - d: 1e3\n\n  -\n    e: |-\n      f\ng:\n")
	f.Fuzz(func(t *testing.T, text string) { checkPlain(t, text) })
}
