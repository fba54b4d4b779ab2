package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// split returns the documents of text as "line: text", with the line that the
// content begins on.
func split(t interface{ Fatal(args ...any) }, r io.Reader) []string {
	s := newSplitter(r)
	var out []string
	for {
		doc, err := s.next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if doc.number != len(out)+1 {
			t.Fatal("documents are not counted from one")
		}
		text, kind := strings.TrimSpace(string(doc.text)), ""
		if doc.json != nil {
			text, kind = string(doc.json), "JSON "
		}
		if doc.broken != "" {
			text = doc.broken
		}
		out = append(out, fmt.Sprintf("%s%d: %s", kind, doc.line, text))
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"blank", "\n  \n\t\r\n", nil},
		{"comments only", "# a\n---\n# b\n--- # c\n...\n#d", nil},
		{"one", "a: 1\n", []string{"1: a: 1"}},
		{"no line end", "a: 1", []string{"1: a: 1"}},
		{"two", "a: 1\n---\nb: 1\n", []string{"1: a: 1", "3: ---\nb: 1"}},
		{"comments between", "# x\na: 1\n---\n# y\n\nb: 1\n", []string{"2: a: 1", "6: ---\n\n\nb: 1"}},
		{"empty between", "a: 1\n---\n---\n\n---\nb: 1\n", []string{"1: a: 1", "6: ---\nb: 1"}},
		{"comment at the marker", "---   # x\na: 1\n---\t# y\nb: 1\n", []string{"2: ---   # x\na: 1", "4: ---\t# y\nb: 1"}},
		{"content at the marker", "--- {a: 1}\n--- !x\nb: 1\n", []string{"1: --- {a: 1}", "2: --- !x\nb: 1"}},
		{"no marker", "---a\n", []string{"1: ---a"}},
		{"indented marker", "a: |\n ---\n ...\n", []string{"1: a: |\n ---\n ..."}},
		{"document end", "a: 1\n...\n# x\nb: 1\n... # y\n", []string{"1: a: 1", "4: b: 1"}},
		{"CRLF", "a: 1\r\n---\r\nb: 1\r\n...\r\n", []string{"1: a: 1", "3: ---\r\nb: 1"}},
		{"byte order marks", "\ufeff---\na: 1\n\ufeff---\n\ufeffb: 1\n", []string{"2: ---\na: 1", "4: ---\nb: 1"}},
		{"byte order mark in content", "a: |\n\ufeffb\n", []string{"1: a: |\n\ufeffb"}},
		{"UTF-16", "\xff\xfea\x00:\x00", []string{"1: the file is UTF-16, and not text in UTF-8"}},
		{"UTF-16 without a mark", "\x00a\x00:\x00\n", []string{"1: the file is UTF-16, and not text in UTF-8"}},
		{"UTF-16 without a mark, the other way", "a\x00:\x00\n\x00b\x00", []string{"1: the file is UTF-16, and not text in UTF-8"}},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", []string{"1: the file is UTF-32, and not text in UTF-8"}},
		{"gzip", "\x1f\x8b\x08\x00\n---\na: 1\n", []string{"1: the file is compressed with gzip, and not text in UTF-8"}},
		{"zip", "PK\x03\x04\x14\x00", []string{"1: the file is a zip archive, and not text in UTF-8"}},
		{"no format of these", "BZh: 1\n", []string{"1: BZh: 1"}},
		{"directives", "%YAML 1.2\n# x\n%TAG ! !x\n---\na: 1\n", []string{"5: %TAG ! !x\n---\na: 1"}},
		{"percent in content", "a: |\n%b\n", []string{"1: a: |\n%b"}},
		{"JSON", "{\"a\": 1}", []string{`JSON 1: {"a": 1}`}},
		{"JSON, concatenated", "{\"a\": {}}{\"b\": \"}\\\"\"}\n {\n\"c\": [\"{\"]} # x\n{}", []string{
			`JSON 1: {"a": {}}`, `JSON 1: {"b": "}\""}`, "JSON 2: {\n\"c\": [\"{\"]}", "JSON 4: {}",
		}},
		{"JSON with markers", "---\n{\"a\": 1}\n---\n# x\n{\"b\": 1}\n...\n", []string{`JSON 2: {"a": 1}`, `JSON 5: {"b": 1}`}},
		{"JSON cut off", "{\"a\":\n---\n{\"b\": 1}\n", []string{"JSON 1: {\"a\":\n", `JSON 3: {"b": 1}`}},
		{"JSON, then YAML", "{\"a\": 1}\nb: 1\n", []string{`JSON 1: {"a": 1}`, "2: b: 1"}},
		{"flow mapping", "{a: 'x}', # }\n}\n---\nb: 1\n", []string{"1: {a: 'x}', # }\n}", "4: ---\nb: 1"}},
		{"template", "{{ x }}\na: 1\n", []string{"1: {{ x }}\na: 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(c.want, split(t, strings.NewReader(c.text))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if d := cmp.Diff(c.want, split(t, iotest.OneByteReader(strings.NewReader(c.text)))); d != "" {
				t.Errorf("byte by byte: -want +got:\n%s", d)
			}
		})
	}
}

// TestSplitLongLines wants lines that are longer than any buffer to be kept whole.
func TestSplitLongLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	text := "a: " + long + "\n---" + strings.Repeat(" ", 1<<20) + "# " + long + "\n# " + long + "\n" + strings.Repeat(" ", 1<<20) + "\nb: 1\n---\n{\"c\": \"" + long + "\"} # {" + long + "\n{}"
	want := []string{"1: a: " + long, "5: ---\n\n\nb: 1", "JSON 7: {\"c\": \"" + long + "\"}", "JSON 8: {}"}
	got := split(t, strings.NewReader(text))
	for i := range got {
		got[i] = regexp.MustCompile(`--- *\n`).ReplaceAllString(got[i], "---\n")
	}
	if len(got) != len(want) {
		t.Fatalf("%d documents, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("document %d: %d bytes %.20q, want %d bytes %.20q", i+1, len(got[i]), got[i], len(want[i]), want[i])
		}
	}
}

// TestSplitTooLarge wants a document beyond the bound to be reported without
// being held, and the next one to be read.
func TestSplitTooLarge(t *testing.T) {
	t.Parallel()
	s := newSplitter(strings.NewReader("a: " + strings.Repeat("x", 4<<20) + "\n---\nb: 1\n"))
	s.max = 1 << 20
	doc, err := s.next()
	if err != nil || doc.broken != "the document is larger than 1 MiB" || len(doc.text) > 0 {
		t.Errorf("got %q, %d bytes, %v", doc.broken, len(doc.text), err)
	}
	if doc, err = s.next(); err != nil || string(doc.text) != "---\nb: 1\n" || doc.line != 3 {
		t.Errorf("got %q in line %d, %v", doc.text, doc.line, err)
	}
}

func TestSplitReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := newSplitter(io.MultiReader(strings.NewReader("a: 1\n"), iotest.ErrReader(broken)))
	if _, err := s.next(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// TestSplitJoined joins documents in every way that a stream may have them and
// wants them back, with their lines.
func TestSplitJoined(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		eol := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "line end")
		var stream strings.Builder
		var want []string
		line := func(text string) { stream.WriteString(text + eol) }
		fillers := rapid.SliceOfN(rapid.SampledFrom([]string{"# x", "", "  ", "  # --- y"}), 0, 3)
		comments := regexp.MustCompile(`(\s+# (x|--- y))+\s*$`)
		fill := func() {
			for _, f := range fillers.Draw(t, "fill") {
				line(f)
			}
		}
		for range rapid.IntRange(0, 5).Draw(t, "documents") {
			fill()
			line(rapid.SampledFrom([]string{"---", "--- # x", "...\n---", "...\n%YAML 1.2\n---"}).Draw(t, "marker"))
			if rapid.Bool().Draw(t, "empty") {
				continue
			}
			fill()
			at := 1 + strings.Count(stream.String(), "\n")
			doc := rapid.SampledFrom([]string{"a: 1", "- --- b", "a: |\n # c\n\n ---\n d", `{"a": "b"}`, "{a: b}"}).Draw(t, "document")
			line(doc)
			want = append(want, fmt.Sprintf("%d: %s", at, doc))
			if rapid.Bool().Draw(t, "end") {
				line("...")
			}
		}
		var got []string
		for _, d := range split(t, strings.NewReader(stream.String())) {
			position, text, _ := strings.Cut(strings.TrimPrefix(d, "JSON "), ": ")
			if strings.HasPrefix(text, "%") || strings.HasPrefix(text, "---") {
				_, text, _ = strings.Cut(text, "\n")
			}
			// Comments after the content belong to it.
			got = append(got, position+": "+strings.TrimSpace(comments.ReplaceAllString(text, "")))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q: -want +got:\n%s", stream.String(), d)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("a: 1\n---\n{\"b\": 1}{}\n...\n%TAG ! !x\n--- # c\nd"))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := split(t, bytes.NewReader(text))
		if d := cmp.Diff(whole, split(t, iotest.OneByteReader(bytes.NewReader(text)))); d != "" {
			t.Errorf("depends on how it is read: %s", d)
		}
	})
}
