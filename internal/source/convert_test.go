package source

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestToJSONAsKubectl holds the conversion against the one that kubectl uses.
func TestToJSONAsKubectl(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "# x", "---", "null", "~", "a", "3", "[1, two, 3.5]", "{}", "a:",
		"a: [yes, no, on, off, y, n, True, FALSE, 'yes']\non: a\nno: b\n'yes': c",
		"a: 1\nb: 0x1F\nc: 017\nd: 0o17\ne: 1_000\nf: 0b11\ng: +1\nh: 1:30:00",
		"a: 9223372036854775807\nb: 9223372036854775808\nc: 18446744073709551615\nd: 18446744073709551616",
		"a: 1.0\nb: 1e3\nc: 1e-9\nd: -0.0\ne: 1e21\nf: .5\ng: 1.",
		"a: 2001-12-15\nb: 2001-12-14t21:59:43.10-05:00\nc: !!timestamp 2001-12-15",
		"1: a\n2.5: b\n.inf: c\n-.inf: d\n.nan: e",
		"a: |\n  b\n   c\n\nd: >-\n  e\n  f\ng: \"h\\n\\u00e4\\t\\x01\"\ni: 'it''s'",
		"a: &x {b: 1}\nc: *x\nd: [*x, *x]",
		"a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3",
		"a: &x {b: 1, c: 2}\nd:\n  b: 3\n  <<: *x",
		"a: !!str 1\nb: !!int \"2\"\nc: !!binary aGk=\nd: !custom e\nf: !!float 1",
		"? a\n: b", "a: <>&\u2028é", "\"a\\/b\": \"\\\"\"", "a: \"\\ud83d\"", "%TAG ! !x\n---\na: 1",
		"a: b # c\nd: 'e # f'\ng: h#i", "- a\n- - b\n  - c\n-\n  d: e", "a: =\nb: <<", "{a: [b, {c: d}], e: }",
	} {
		want, wantErr := yaml.YAMLToJSON([]byte(text))
		got, err := toJSON([]byte(text))
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%q: error %v, want %v", text, err, wantErr)
			continue
		}
		if err == nil {
			compareJSON(t, text, want, got)
		}
	}
}

func compareJSON(t *testing.T, text string, want, got []byte) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("%q: %q is not JSON: %v", text, got, err)
		return
	}
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("%q: -want +got:\n%s", text, d)
	}
}

// TestToJSONPassesOver wants documents of kinds that decide no route to be
// checked for syntax and reduced to their type, and no other document.
func TestToJSONPassesOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"unwanted", "apiVersion: v1\nkind: Secret\ndata: {a: b}\n", `{"apiVersion":"v1","kind":"Secret"}`},
		{"unwanted, quoted", "kind: \"Secret\"\napiVersion: 'v1'\n", `{"apiVersion":"v1","kind":"Secret"}`},
		{"unwanted, CRLF", "apiVersion: v1\r\nkind: Secret\r\na: b\r\n", `{"apiVersion":"v1","kind":"Secret"}`},
		{"wanted", "apiVersion: v1\nkind: Pod\na: b\n", `{"a":"b","apiVersion":"v1","kind":"Pod"}`},
		{"list", "apiVersion: v1\nkind: List\nitems: []\n", `{"apiVersion":"v1","items":[],"kind":"List"}`},
		{"looks like another", "a: \"\nkind: Secret\n\"\nkind: Pod\n", `{"a":" kind: Secret ","kind":"Pod"}`},
		{"comment", "kind: Secret # really\n", `{"kind":"Secret"}`},
		{"only in a template", "a: 1\nspec:\n  kind: Secret\n", `{"a":1,"spec":{"kind":"Secret"}}`},
	} {
		got, err := toJSON([]byte(c.text))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	if _, err := toJSON([]byte("apiVersion: v1\nkind: Secret\ndata: {a: b\n")); err == nil {
		t.Error("broken syntax in a Secret went unnoticed")
	}
}

// TestToJSONCorpus converts real manifests, if they are there.
func TestToJSONCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/corpus/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Skip("../shared/corpus is not there")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq("\n"+string(text), "\n---") {
			want, err := yaml.YAMLToJSONStrict([]byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			got, err := toJSON([]byte(doc))
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if _, kind := glance([]byte(doc)); len(got) > 100 || kind == "" {
				compareJSON(t, file, want, got)
			}
		}
	}
}

func FuzzToJSON(f *testing.F) {
	f.Add([]byte("a: &x {b: [1, 2.5, yes, ~]}\nc:\n  <<: *x\n  d: |\n    e\n"))
	f.Add([]byte("kind: Secret\ndata:\n- a: !!binary aGk=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := toJSON(text)
		if err != nil {
			fault := yamlFault(text, err)
			if fault.message == "" || fault.line < 0 || fault.line > 1+strings.Count(string(text), "\n") {
				t.Errorf("%q: %v: bad fault %+v", text, err, fault)
			}
			return
		}
		want, err := yaml.YAMLToJSON(text)
		if _, kind := glance(text); err == nil && kind == "" {
			compareJSON(t, string(text), want, got)
		}
	})
}
