package grammar_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// lines are the values of the lines of a header, in order.
type lines = []string

// canonical writes members for tables in tests.
func canonical(members []grammar.Member) string {
	texts := make([]string, 0, len(members))
	for _, m := range members {
		texts = append(texts, m.String())
	}
	return strings.Join(texts, ", ")
}

// located returns the *Errors joined in err.
func located(t *testing.T, err error) []*grammar.Error {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error %v is a %T, want one made by errors.Join", err, err)
	}
	var all []*grammar.Error
	for _, e := range joined.Unwrap() {
		var one *grammar.Error
		if !errors.As(e, &one) {
			t.Fatalf("error %v is a %T, want *grammar.Error", e, e)
		}
		all = append(all, one)
	}
	return all
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseWellFormed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header lines
		want   []grammar.Member
	}{
		{nil, nil},
		{lines{"service-3:v2"}, []grammar.Member{{Service: "service-3", Version: "v2"}}},
		{lines{"payments.billing:pr-118;strict"}, []grammar.Member{{Service: "payments", Namespace: "billing", Version: "pr-118", Strict: true}}},
		{lines{"a:Feature_X.1"}, []grammar.Member{{Service: "a", Version: "Feature_X.1"}}},
		{lines{"a.3scale:1"}, []grammar.Member{{Service: "a", Namespace: "3scale", Version: "1"}}},
		{lines{"db-shim:v2;method=POST"}, []grammar.Member{{Service: "db-shim", Version: "v2", Method: "POST"}}},
		{lines{"cache:v2;from=service-3"}, []grammar.Member{{Service: "cache", Version: "v2", From: "service-3"}}},
		{
			lines{" a:v1;method=M-SEARCH ;\tstrict; from=x.y_z\t"},
			[]grammar.Member{{Service: "a", Version: "v1", From: "x.y_z", Method: "M-SEARCH", Strict: true}},
		},
		{
			lines{"a:v1 ,\tb:v2", "c:v3"},
			[]grammar.Member{{Service: "a", Version: "v1"}, {Service: "b", Version: "v2"}, {Service: "c", Version: "v3"}},
		},
	} {
		got, err := grammar.Parse(test.header...)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.header, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Parse(%q), want -, got +:\n%s", test.header, diff)
		}
	}
}

// The ends of reasons.
const (
	wantLabel   = `is invalid: use letters, digits, "-", "_" and ".", beginning and ending with a letter or digit`
	wantDNS1035 = `is invalid: use a-z, 0-9 and "-", beginning with a letter, ending with a letter or digit`
	wantDNS1123 = `is invalid: use a-z, 0-9 and "-", beginning and ending with a letter or digit`
)

// refusal is a header with a fault.
type refusal struct {
	header  lines
	members string // returned nevertheless
	err     string
}

func (r refusal) check(t *testing.T) {
	t.Helper()
	got, err := grammar.Parse(r.header...)
	if canonical(got) != r.members {
		t.Errorf("Parse(%q) returned %q, want %q", r.header, canonical(got), r.members)
	}
	if diff := cmp.Diff(r.err, message(err)); diff != "" {
		t.Errorf("Parse(%q): error, want -, got +:\n%s", r.header, diff)
	}
}

func TestParseEmpty(t *testing.T) {
	t.Parallel()
	for _, test := range []refusal{
		{lines{""}, "", `header: empty`},
		{lines{" \t", ""}, "", `header: empty`},
		{lines{"a:v1,,b:v2"}, "a:v1, b:v2", `member 2: empty`},
		{lines{",a:v1"}, "a:v1", `member 1: empty`},
		{lines{"a:v1, "}, "a:v1", `member 2: empty`},
		{lines{"a:v1", "", "b:v2"}, "a:v1, b:v2", `member 2: empty`},
		{lines{","}, "", "member 1: empty\nmember 2: empty"},
	} {
		test.check(t)
	}
}

func TestParseNames(t *testing.T) {
	t.Parallel()
	for _, test := range []refusal{
		{lines{"a:v1, service-3"}, "a:v1", `member 2: "service-3": no ":", want service:version or service.namespace:version`},
		{lines{"service-3=v2"}, "", `member 1: "service-3=v2": no ":", want service:version or service.namespace:version; did you mean "service-3:v2"?`},
		{lines{":v1"}, "", `member 1: ":v1": service is empty`},
		{lines{".b:v1"}, "", `member 1: ".b:v1": service is empty`},
		{lines{"a.:v1"}, "", `member 1: "a.:v1": namespace is empty`},
		{lines{"a:"}, "", `member 1: "a:": version is empty`},
		{lines{"A:v1"}, "", `member 1: "A:v1": service "A" ` + wantDNS1035 + `; did you mean "a:v1"?`},
		{lines{"3a:v1"}, "", `member 1: "3a:v1": service "3a" ` + wantDNS1035},
		{lines{"a-:v1"}, "", `member 1: "a-:v1": service "a-" ` + wantDNS1035},
		{lines{"a_b:v1"}, "", `member 1: "a_b:v1": service "a_b" ` + wantDNS1035},
		{lines{"a :v1"}, "", `member 1: "a :v1": service "a " ` + wantDNS1035 + `; did you mean "a:v1"?`},
		{lines{"a.b.c:v1"}, "", `member 1: "a.b.c:v1": namespace "b.c" ` + wantDNS1123},
		{lines{"a: v1"}, "", `member 1: "a: v1": version " v1" ` + wantLabel + `; did you mean "a:v1"?`},
		{lines{"a:v1 b:v2"}, "", `member 1: "a:v1 b:v2": version "v1 b:v2" ` + wantLabel},
		{lines{"a:v1."}, "", `member 1: "a:v1.": version "v1." ` + wantLabel},
		{lines{"a:v1%2E1"}, "", `member 1: "a:v1%2E1": version "v1%2E1" ` + wantLabel},
		{
			lines{"a:" + strings.Repeat("v", 64)},
			"",
			`member 1: "a:` + strings.Repeat("v", 64) + `": version "` + strings.Repeat("v", 64) + `" has 64 characters, 63 are allowed`,
		},
		{
			lines{strings.Repeat("s", 100) + ":v1"},
			"",
			`member 1: "` + strings.Repeat("s", 80) + `"...: service "` + strings.Repeat("s", 80) + `"... has 100 characters, 63 are allowed`,
		},
	} {
		test.check(t)
	}
}

func TestParseParameters(t *testing.T) {
	t.Parallel()
	for _, test := range []refusal{
		{lines{"a:v1;"}, "", `member 1: "a:v1;": empty parameter after ";"`},
		{lines{"a:v1;;strict"}, "", `member 1: "a:v1;;strict": empty parameter after ";"`},
		{lines{"a:v1; ;strict"}, "", `member 1: "a:v1; ;strict": empty parameter after ";"`},
		{lines{"a:v1;weight=5"}, "", `member 1: "a:v1;weight=5": unknown parameter "weight", want from, method or strict`},
		{lines{"a:v1;=5"}, "", `member 1: "a:v1;=5": unknown parameter "", want from, method or strict`},
		{lines{"a:v1;Strict"}, "", `member 1: "a:v1;Strict": unknown parameter "Strict", want from, method or strict; did you mean "a:v1;strict"?`},
		{lines{"a:v1;from =x"}, "", `member 1: "a:v1;from =x": unknown parameter "from ", want from, method or strict; did you mean "a:v1;from=x"?`},
		{lines{"a:v1;strict=?1"}, "", `member 1: "a:v1;strict=?1": parameter strict takes no value`},
		{lines{"a:v1;strict;strict"}, "", `member 1: "a:v1;strict;strict": parameter strict is given twice`},
		{lines{"a:v1;from=x;from=x"}, "", `member 1: "a:v1;from=x;from=x": parameter from is given twice`},
		{lines{"a:v1;method=GET;method=PUT"}, "", `member 1: "a:v1;method=GET;method=PUT": parameter method is given twice`},
		{lines{"a:v1;from"}, "", `member 1: "a:v1;from": parameter from needs a value`},
		{lines{"a:v1;method="}, "", `member 1: "a:v1;method=": parameter method needs a value`},
		{lines{"a:v1;from= x"}, "", `member 1: "a:v1;from= x": from " x" ` + wantLabel + `; did you mean "a:v1;from=x"?`},
		{lines{"a:v1;method=get"}, "", `member 1: "a:v1;method=get": method "get" is not upper-case, write "GET"`},
		{lines{"a:v1;method=G.T"}, "", `member 1: "a:v1;method=G.T": method "G.T" is invalid: use A-Z, 0-9, "-" and "_", beginning with a letter`},
	} {
		test.check(t)
	}
}

func TestParseCharacters(t *testing.T) {
	t.Parallel()
	for _, test := range []refusal{
		{lines{`"a:v1", b:v2`}, "b:v2", `member 1: "\"a:v1\"": quoted strings are not part of the grammar; did you mean "a:v1"?`},
		{
			lines{`a:v1;x="y,b:v2"`},
			"",
			`member 1: "a:v1;x=\"y": quoted strings are not part of the grammar` + "\n" +
				`member 2: "b:v2\"": quoted strings are not part of the grammar`,
		},
		{lines{"a:v1\x00"}, "", `member 1: "a:v1\x00": byte 0x00, only visible ASCII is allowed`},
		{lines{"a:v1\r\n, b:v2"}, "b:v2", `member 1: "a:v1\r\n": byte 0x0d, only visible ASCII is allowed`},
		{lines{"a:v1, é:v2\x7f"}, "a:v1", `member 2: "\u00e9:v2\x7f": byte 0xc3, only visible ASCII is allowed`},
		{lines{"a:v1", "b:v2,c:v\xff"}, "", `header: byte 0xff is not UTF-8, not all proxies follow the other members`},
	} {
		test.check(t)
	}
}

// TestParseDuplicates: second members for one subject are reported and returned.
func TestParseDuplicates(t *testing.T) {
	t.Parallel()
	for _, test := range []refusal{
		{
			lines{"a:v1, b:v1, a:v2"},
			"a:v1, b:v1, a:v2",
			`member 3: "a:v2": second member for the same calls of "a", after "a:v1"`,
		},
		{
			lines{"a.b:v1;from=x;strict", "a.b:v1;from=x"},
			"a.b:v1;from=x;strict, a.b:v1;from=x",
			`member 2: "a.b:v1;from=x": second member for the same calls of "a.b", after "a.b:v1;from=x;strict"`,
		},
		{lines{"a:v1, a.b:v2, a:v3;from=x, a:v4;method=GET, a:v5;from=x;method=GET"}, "a:v1, a.b:v2, a:v3;from=x, a:v4;method=GET, a:v5;from=x;method=GET", ``},
	} {
		test.check(t)
	}
}

func TestParseLocatesErrors(t *testing.T) {
	t.Parallel()
	_, err := grammar.Parse("a:v1,\t b:, c", " ,d:v1;x")
	want := []*grammar.Error{
		{Member: 2, Offset: 7, Text: "b:", Reason: "version is empty"},
		{Member: 3, Offset: 11, Text: "c", Reason: `no ":", want service:version or service.namespace:version`},
		{Member: 4, Offset: 1, Reason: "empty"},
		{Member: 5, Offset: 2, Text: "d:v1;x", Reason: `unknown parameter "x", want from, method or strict`},
	}
	if diff := cmp.Diff(want, located(t, err)); diff != "" {
		t.Errorf("errors, want -, got +:\n%s", diff)
	}
	_, err = grammar.Parse("a:v1", "b:v\xc3,c:v1")
	if got := located(t, err); len(got) != 1 || got[0].Member != 0 || got[0].Offset != 3 {
		t.Errorf("invalid UTF-8: errors %v, want one for the whole header at byte 3", got)
	}
}

func TestParseLongHeader(t *testing.T) {
	t.Parallel()
	fits := strings.Repeat(" ", grammar.MaxHeaderBytes-len("a:v1,b:v1")) + "a:v1"
	if got, err := grammar.Parse(fits, "b:v1"); err != nil || canonical(got) != "a:v1, b:v1" {
		t.Errorf("a header of exactly MaxHeaderBytes: %q, %v", canonical(got), err)
	}
	got, err := grammar.Parse(" "+fits, "b:v1")
	if canonical(got) != "a:v1, b:v1" {
		t.Errorf("a longer header returned %q, want both members", canonical(got))
	}
	if want := "header: 8193 bytes, more than the 8192 that are passed on everywhere"; message(err) != want {
		t.Errorf("a longer header: error %q, want %q", message(err), want)
	}
}

// TestParseManyMembers: duplicates are found in another way if there are many members.
func TestParseManyMembers(t *testing.T) {
	t.Parallel()
	const n = 300
	names := make([]string, 0, n)
	for i := range n {
		names = append(names, "s"+strings.Repeat("x", i%20)+strings.Repeat("y", i/20))
	}
	value := strings.Join(names, ":v1,") + ":v1," + names[0] + ":v2," + names[n-1] + ":v2"
	got, err := grammar.Parse(value)
	if len(got) != n+2 {
		t.Errorf("%d members, want %d", len(got), n+2)
	}
	var at []int
	for _, e := range located(t, err) {
		if e.Member > 0 {
			at = append(at, e.Member)
		}
	}
	if diff := cmp.Diff([]int{n + 1, n + 2}, at); diff != "" {
		t.Errorf("members reported, want -, got +:\n%s", diff)
	}
}

func TestAppendMembers(t *testing.T) {
	t.Parallel()
	dst := []grammar.Member{{Service: "a", Version: "v0"}}
	got, err := grammar.AppendMembers(dst, "a:v1, b")
	if canonical(got) != "a:v0, a:v1" {
		t.Errorf("members %q, want those of dst and the new one", canonical(got))
	}
	if errs := located(t, err); len(errs) != 1 || errs[0].Member != 2 {
		t.Errorf("errors %v, want one: what was in dst is no part of the header", errs)
	}
	if got, err = grammar.AppendMembers(dst, "b:v1,\xff"); err == nil || canonical(got) != "a:v0" {
		t.Errorf("invalid UTF-8: %q, %v, want dst as it was and an error", canonical(got), err)
	}
}
