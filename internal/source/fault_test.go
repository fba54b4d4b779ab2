package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// TestBrokenDocuments reads streams whose second document is broken, and wants
// the line in the stream and a message that helps.
func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	const before = "# comment\napiVersion: v1\nkind: Service\nmetadata: {name: before}\n---\n" // 5 lines
	const after = "---\napiVersion: v1\nkind: Service\nmetadata: {name: after}\n"
	for _, c := range []struct {
		name, text string
		line       int
		message    string
	}{
		{"colon on the first line", "a: b: c\n", 1, "mapping values are not allowed in this context"},
		{"colon", "a: 1\nb: c: d\ne: 1\n", 2, "mapping values are not allowed in this context"},
		{"colon after comments", "# one\n\n# two\na: 1\nb: c: d\n", 5, "mapping values are not allowed in this context"},
		{"tab", "a: 1\nb:\n\tc: 1\n", 3, "the indentation has a tab, but YAML requires spaces"},
		{"tab in a list", "a:\n- b: 1\n\tc: 1\n", 3, "found a tab character that violates indentation"},
		{"reserved character", "a: 1\nb: @x\n", 2, "found character that cannot start any token"},
		{"indented too little", "a:\n  b: 1\n c: 2\nd: 1\n", 3, "did not find expected key"},
		{"indented too far", "a: 1\nb: 1\n  c: 2\n", 3, "mapping values are not allowed in this context"},
		{"item in a mapping", "a: 1\n- b\n", 2, "did not find expected key"},
		{"no key", "a: 1\nfoo\nb: 1\n", 2, "could not find expected ':'"},
		{"no key, then a comment", "a: 1\nfoo\n# bar\n\nb: 1\n", 2, "could not find expected ':'"},
		{"no key at the end", "a:\n- b\nc\n", 3, "could not find expected ':'"},
		{"list not closed", "a: [1, 2\nb: 3\n", 2, "did not find expected ',' or ']'"},
		{"list not closed at the end", "a: [1, 2\n\n", 1, "did not find expected ',' or ']'"},
		{"quote not closed", "a: 1\nb: \"abc\nc: d\n", 3, "found unexpected end of stream"},
		{"unknown escape", "a: 1\nb: \"\\q\"\n", 2, "found unknown escape character"},
		{"block header", "a: 1\nb: |x\n  a\n", 2, "did not find expected comment or line break"},
		{"duplicate key", "a: 1\nb: 2\na: 3\n", 3, `key "a" is given twice`},
		{"duplicate key, nested", "a:\n  b:\n    c: 1\n    \"c\": 2\n", 4, `key "c" is given twice`},
		{"duplicate key of a mapping", "a: {}\nb: 1\na:\n\n  # none\n  c: 1\n", 3, `key "a" is given twice`},
		{"duplicate key in a list", "a:\n- b: 1\n- b: 1\n  b:\n  - 1\n", 4, `key "b" is given twice`},
		{"duplicate number as key", "a:\n  1: a\n  \"1\": b\n", 0, `key "1" is given twice`},
		{"unknown anchor", "a: 1\nb: *x\n", 2, "unknown anchor 'x' referenced"},
		{"anchor in itself", "a: 1\nb: &x\n  c: *x\n", 3, "anchor 'x' value contains itself"},
		{"merge of no mapping", "a: 1\nb:\n  <<: 3\n", 3, "map merge requires map or sequence of maps as the value"},
		{"mapping as key", "a: 1\n? {b: 1}\n: 2\n", 2, "a mapping or a list can't be a key"},
		{"null as key", "a: 1\nb: {~: 1}\n", 2, "a mapping or a list can't be a key"},
		{"wrong tag", "a: 1\nb: !!int x\n", 2, "cannot decode !!str `x` as a !!int"},
		{"no number in JSON", "a: 1\nb: .nan\n", 2, "the number .nan can't be expressed in JSON"},
		{"not UTF-8", "a: 1\nb: ü\nc: \xff\n", 3, "invalid leading UTF-8 octet"},
		{"cut off in a character", "a: 1\nb: \xc3\n", 2, "invalid trailing UTF-8 octet"},
		{"control character", "a: 1\nb: 1\nc: \x01\n", 3, "control characters are not allowed"},
		{"template", "a: 1\nb: {{ .Values.b }}\n", 2, "a mapping or a list can't be a key"},
		{"template control", "a: 1\n{{- if .x }}\nb: 1\n{{- end }}\n", 2, "could not find expected ':'"},
		{"directive in the middle", "a: 1\n%YAML 1.1\nb: 2\n", 3, "did not find expected <document start>"},
		{"two flow mappings", "{x: y}\n{x: y}\n", 2, "did not find expected <document start>"},
		{"JSON", "{\n \"a\": 1,\n \"b\" 2\n}\n", 3, "invalid character '2' after object key"},
		{"JSON cut off", "{\n \"a\": {\"b\": 1},\n \"c\":\n", 3, "unexpected end of JSON input"},
		{"JSON with a trailing brace", "{\"a\": 1}}\n", 0, ""},
		{"YAML's own line ends", "a: \"x\u0085y\u2028z\"\nb: c: d\n", 2, "mapping values are not allowed in this context"},
		{"CRLF", "a: 1\r\nb: c: d\r\n", 2, "mapping values are not allowed in this context"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			objects, diags, err := Read(t.Context(), []string{"-"}, strings.NewReader(before+c.text+after), FileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(objects); got != "before after" {
				t.Errorf("read %q, want the documents before and after", got)
			}
			if c.message == "" {
				return
			}
			if len(diags) != 1 {
				t.Fatalf("%d diagnostics, want 1: %v", len(diags), diags)
			}
			line := 5 + c.line
			if c.line == 0 {
				line = 6 // that of the document
			}
			want := diag.New(diag.BrokenDocument, diag.Object{}, "%s", c.message).
				At(diag.Origin{File: "stdin", Document: 2, Line: line})
			switch {
			case strings.HasPrefix(c.name, "template"):
				want.Fix = "render templates first, as in: helm template CHART | overrides generate -f -"
			case strings.Contains(c.message, "UTF-8"):
				want.Fix = "save the file as UTF-8"
			case strings.HasPrefix(c.message, "control"):
				want.Fix = "give a file of text, or remove the control characters from it"
			}
			if d := cmp.Diff(want, diags[0]); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func names(o *discover.Objects) string {
	var out []string
	for _, s := range o.Services {
		out = append(out, s.Name)
	}
	return strings.Join(out, " ")
}

// TestAliasBombs wants documents that grow without bound to be refused, soon
// and without using that memory.
func TestAliasBombs(t *testing.T) {
	t.Parallel()
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		p := "*" + string(c-1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat(p+",", 8) + p + "]\n"
	}
	scalar := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 2000) + "*a]\n"
	for name, text := range map[string]string{"billion laughs": laughs, "one long scalar": scalar} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags, err := Read(t.Context(), []string{"-"}, strings.NewReader(text), FileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(diags) != 1 || diags[0].Code != diag.BrokenDocument || !strings.Contains(diags[0].Message, "alias") {
				t.Errorf("got %v", diags)
			}
		})
	}
}
