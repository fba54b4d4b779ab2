package grammar_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// compile compiles a pattern the way proxies use it: for the whole value.
func compile(tb testing.TB, pattern string) *regexp.Regexp {
	tb.Helper()
	if err := grammar.CheckPattern(pattern); err != nil {
		tb.Fatal(err)
	}
	return regexp.MustCompile(`^(?:` + pattern + `)$`)
}

// matches does what a proxy does with the lines of a header: it joins them with ",", and
// finds no match if they are not UTF-8 (as Envoy up to 1.38; Go's RE2 would find one, as
// Envoy does from 1.39 on).
func matches(re *regexp.Regexp, header lines) bool {
	value := strings.Join(header, ",")
	return utf8.ValidString(value) && re.MatchString(value)
}

// service3 is the service of the tests.
func service3() grammar.Service { return grammar.Service{Name: "service-3", Namespace: "demo"} }

// The parts of patterns for service3.
const (
	begin   = `(?:.*,)?[ \t]*service-3(?:\.demo)?:`
	strict  = `;[ \t]*strict[ \t]*`
	from    = `;[ \t]*from=a\.b[ \t]*`
	method  = `;[ \t]*method=GET[ \t]*`
	end     = `(?:,.*)?`
	notFrom = `[ \t]*(?:(?:[^,; \tf]|f[^,;r]|fr[^,;o]|fro[^,;m]|from[^,;=])[^,;]*|f|fr|fro|from)?`
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	s, ab := service3(), grammar.Condition{From: "a.b"}
	for _, test := range []struct{ name, got, want string }{
		{"plain", s.Pattern("v2.1", grammar.Condition{}), begin + `v2\.1[ \t]*(?:` + strict + `)?` + end},
		{"plain, no namespace", grammar.Service{Name: "a"}.Pattern("v2", grammar.Condition{}), `(?:.*,)?[ \t]*a:v2[ \t]*(?:` + strict + `)?` + end},
		{"from", s.Pattern("v2", ab), begin + `v2[ \t]*(?:` + from + `(?:` + strict + `)?|` + strict + from + `)` + end},
		{
			"method", s.Pattern("v2", grammar.Condition{Method: "GET"}),
			begin + `v2[ \t]*(?:` + method + `(?:` + strict + `)?|` + strict + method + `)` + end,
		},
		{
			"from and method", s.Pattern("v2", grammar.Condition{From: "a.b", Method: "GET"}),
			begin + `v2[ \t]*(?:` +
				method + `(?:` + from + `(?:` + strict + `)?|` + strict + from + `)|` +
				`(?:` + from + `(?:` + strict + `)?|` + strict + from + `)` + method + `|` +
				strict + method + from + `|` +
				from + method + strict + `)` + end,
		},
		{"baggage", s.BaggagePattern("v2"), `(?:.*,)?[ \t]*override\.service-3(?:\.demo)?[ \t]*=[ \t]*v2[ \t]*(?:;[^,]*)?(?:,.*)?`},
	} {
		if test.got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, test.got, test.want)
		}
		compile(t, test.got)
	}
}

func TestStrictPatterns(t *testing.T) {
	t.Parallel()
	s, ab := service3(), grammar.Condition{From: "a.b"}
	for _, test := range []struct{ name, got, want string }{
		{
			"nothing judged", s.StrictPattern(grammar.Judged{}, grammar.Condition{}),
			begin + `[^,;]+(?:;(?:[^,;]*))*` + strict + `(?:;(?:[^,;]*))*` + end,
		},
		{
			"what is not judged makes no difference", s.StrictPattern(grammar.Judged{}, ab),
			begin + `[^,;]+(?:;(?:[^,;]*))*` + strict + `(?:;(?:[^,;]*))*` + end,
		},
		{
			"for all other callers", s.StrictPattern(grammar.Judged{From: true}, grammar.Condition{}),
			begin + `[^,;]+(?:;(?:` + notFrom + `))*` + strict + `(?:;(?:` + notFrom + `))*` + end,
		},
		{
			"for one caller", s.StrictPattern(grammar.Judged{From: true}, ab),
			begin + `[^,;]+(?:;(?:[ \t]*from=a\.b[ \t]*|` + notFrom + `))*` + strict + `(?:;(?:[ \t]*from=a\.b[ \t]*|` + notFrom + `))*` + end,
		},
	} {
		if test.got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, test.got, test.want)
		}
		compile(t, test.got)
	}
}

// exact checks which headers match a pattern. Near misses are listed; properties find the
// others.
func exact(t *testing.T, pattern string, take, leave []string) {
	t.Helper()
	re := compile(t, pattern)
	for _, value := range take {
		if !matches(re, lines{value}) {
			t.Errorf("%s\ndoes not take %q", pattern, value)
		}
	}
	for _, value := range leave {
		if matches(re, lines{value}) {
			t.Errorf("%s\ntakes %q", pattern, value)
		}
	}
}

func TestPatternIsExact(t *testing.T) {
	t.Parallel()
	s := service3()
	exact(t, s.Pattern("v2.1", grammar.Condition{}),
		[]string{
			"service-3:v2.1", "service-3.demo:v2.1", "a:v1, service-3:v2.1\t,b:v2", ",service-3:v2.1", "é,service-3:v2.1",
			"service-3:v2.1;strict", "service-3:v2.1 ;\tstrict ", "service-3:v1,service-3:v2.1",
		},
		[]string{
			"", "xservice-3:v2.1", "x-service-3:v2.1", "service-3:v2", "service-3:v2.10", "service-3:v2x1", "service-33:v2.1",
			"service-3.shop:v2.1", "service-3xdemo:v2.1", "service-3.demo.x:v2.1", "demo.service-3:v2.1", "service-3 :v2.1",
			"service-3: v2.1", "x=service-3:v2.1", "a:v1;service-3:v2.1", `"service-3:v2.1"`, "service-3:v2.1 x", "SERVICE-3:v2.1",
			"service-3:v2.1;", "service-3:v2.1;strict;strict", "service-3:v2.1;strict=?1", "service-3:v2.1;from=a", "service-3:v2.1;x",
		},
	)
	exact(t, s.Pattern("v2", grammar.Condition{From: "service-2"}),
		[]string{"service-3:v2;from=service-2", "service-3:v2; from=service-2 ;strict", "service-3:v2;strict;from=service-2"},
		[]string{
			"service-3:v2", "service-3:v2;strict", "service-3:v2;from=service-20", "service-3:v2;from=xservice-2", "service-3:v2;from= service-2",
			"service-3:v2;from=service-2;from=service-2", "service-3:v2;strict;from=service-2;strict", "service-3:v2;from=service-2;method=GET",
		},
	)
	exact(t, s.Pattern("v2", grammar.Condition{From: "service-2", Method: "GET"}),
		[]string{"service-3:v2;from=service-2;method=GET", "service-3:v2;method=GET;strict;from=service-2"},
		[]string{"service-3:v2;from=service-2", "service-3:v2;method=GET", "service-3:v2;method=GET;from=service-2;method=GET", "service-3:v2;method=GET;strict"},
	)
}

func TestBaggagePatternIsExact(t *testing.T) {
	t.Parallel()
	exact(t, service3().BaggagePattern("v2"),
		[]string{"override.service-3=v2", "a=b, override.service-3.demo\t= v2 ;p=q;r ,c=d", "override.service-3=v2;"},
		[]string{
			"xoverride.service-3=v2", "overridexservice-3=v2", "override.service-3=v20", "override.service-3=v2%20", "override.service-3:v2",
			"override. service-3=v2", "a=override.service-3=v2", "override.service-3;p=v2",
		},
	)
	exact(t, grammar.AnyBaggagePattern,
		[]string{"override.a=v1", "a=b,\toverride.", "a=b,override.x=%00,c=d"},
		[]string{"", "overrides=1", "a=override.b", "xoverride.a=v1", "Override.a=v1"},
	)
}

// due lists the members that are answered with 503 at one row.
type due struct {
	name   string
	judged grammar.Judged
	row    grammar.Condition
	due    []string
	not    []string
}

func (d due) check(t *testing.T) {
	t.Helper()
	s := service3()
	re := compile(t, s.StrictPattern(d.judged, d.row))
	for value, want := range d.values() {
		if pattern, parser := matches(re, lines{value}), grammar.StrictDue(lines{value}, s, d.judged, d.row); pattern != want || parser != want {
			t.Errorf("%s: %q: pattern %v, parser %v, want %v", d.name, value, pattern, parser, want)
		}
	}
}

func (d due) values() map[string]bool {
	all := make(map[string]bool)
	for _, value := range d.due {
		all[value] = true
	}
	for _, value := range d.not {
		all[value] = false
	}
	return all
}

func TestStrictDue(t *testing.T) {
	t.Parallel()
	none, from, both := grammar.Judged{}, grammar.Judged{From: true}, grammar.Judged{From: true, Method: true}
	rest, row := grammar.Condition{}, grammar.Condition{From: "service-2", Method: "GET"}
	for _, test := range []due{
		{
			"nothing is judged", none, rest,
			[]string{
				"service-3:v2;strict", "service-3:v9 ; strict", "service-3:?!;strict", "service-3:v2;x;;strict;y=1", "service-3.demo:v2;from=a;strict",
				"a:v1,service-3:v2;strict,b:v2", "service-3: ;strict",
			},
			[]string{"service-3:v2", "service-3:;strict", "service-3;strict", "xservice-3:v2;strict", "service-3.shop:v2;strict", "service-3:v2;strict=?1", "service-3:v2,strict", ""},
		},
		{
			"from is judged, the row is for other callers", from, rest,
			[]string{"service-3:v2;strict", "service-3:v2;strict;method=GET", "service-3:v2;fro;from;fromage=1;strict", "service-3:v2;strict;f"},
			[]string{"service-3:v2;strict;from=a", "service-3:v2; \tfrom=a;strict", "service-3:v2;x;from=;strict"},
		},
		{
			"both are judged, the row is for one caller and method", both, row,
			[]string{
				"service-3:v2;strict", "service-3:v2;from=service-2;strict", "service-3:v2;strict;method=GET;\tfrom=service-2",
				"service-3:v2;method=GET;strict;method=GET", "service-3:v2;weight=5;strict",
			},
			[]string{
				"service-3:v2;from=service-20;strict", "service-3:v2;from=service-2;method=PUT;strict", "service-3:v2;from=service-2;from=a;strict",
				"service-3:v2;strict;from= service-2",
			},
		},
	} {
		test.check(t)
	}
}

// TestPatternLengths: the longest patterns of valid names, without characters that need
// quoting, with a dot at every other place, and with only dots inside.
func TestPatternLengths(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", grammar.MaxLabelLength)
	dotted := strings.Repeat("x.", grammar.MaxLabelLength/2) + "x"
	dots := "x" + strings.Repeat(".", grammar.MaxLabelLength-2) + "x"
	const method = "UPDATEREDIRECTREF" // the longest registered one
	longMethod := strings.Repeat("M", grammar.MaxLabelLength)
	s := grammar.Service{Name: long, Namespace: long}
	all := grammar.Judged{From: true, Method: true}
	for _, test := range []struct {
		name, pattern string
		length        int
	}{
		{"plain, long", s.Pattern(long, grammar.Condition{}), 249},
		{"plain, dots", s.Pattern(dots, grammar.Condition{}), 310},
		{"from, long", s.Pattern(long, grammar.Condition{From: long}), 435},
		{"from, dots", s.Pattern(dots, grammar.Condition{From: dots}), 618},
		{"method, dots", s.Pattern(dots, grammar.Condition{Method: longMethod}), 500},
		{"both, long", s.Pattern(long, grammar.Condition{From: long, Method: method}), 912},
		{"both, dotted version", s.Pattern(dotted, grammar.Condition{From: long, Method: method}), 943},
		{"both, dotted, short method", s.Pattern(dotted, grammar.Condition{From: dotted, Method: "DELETE"}), 1001},
		{"baggage, dots", s.BaggagePattern(dots), 319},
		{"strict, nothing judged", s.StrictPattern(grammar.Judged{}, grammar.Condition{}), 213},
		{"strict, rest of both", s.StrictPattern(all, grammar.Condition{}), 547},
		{"strict, long", s.StrictPattern(all, grammar.Condition{From: long, Method: method}), 783},
		{"strict, dots and long method", s.StrictPattern(all, grammar.Condition{From: dots, Method: longMethod}), 997},

		// These do not fit: both conditions at once, with all names of maximum length,
		// and full of dots or with a method that does not exist.
		{"both, dotted", s.Pattern(dotted, grammar.Condition{From: dotted, Method: method}), 1067},
		{"both, dots", s.Pattern(dots, grammar.Condition{From: dots, Method: "GET"}), 1133},
		{"both, long method", s.Pattern(long, grammar.Condition{From: long, Method: longMethod}), 1184},
		{"both, dots and long method", s.Pattern(dots, grammar.Condition{From: dots, Method: longMethod}), 1493},
	} {
		if len(test.pattern) != test.length {
			t.Errorf("%s: %d bytes, want %d", test.name, len(test.pattern), test.length)
		}
		if err := grammar.CheckPattern(test.pattern); (err == nil) != (test.length <= 1024) {
			t.Errorf("%s, %d bytes: CheckPattern returned %v", test.name, test.length, err)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"a":                       "",
		strings.Repeat("a", 1024): "",
		"":                        "empty pattern",
		strings.Repeat("a", 1025): "pattern has 1025 bytes, 1024 are allowed",
		"a)|(?:b":                 "pattern \"a)|(?:b\": error parsing regexp: unexpected ): `a)|(?:b`",
		"(?=a)":                   "pattern \"(?=a)\": error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
		"a{1001}":                 "pattern \"a{1001}\": error parsing regexp: invalid repeat count: `{1001}`",
		"\xff":                    "pattern \"\\xff\": error parsing regexp: invalid UTF-8: `\xff`",
	} {
		if got := message(grammar.CheckPattern(pattern)); got != want {
			t.Errorf("CheckPattern(%q): %q, want %q", pattern, got, want)
		}
	}
}
