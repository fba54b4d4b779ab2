package grammar_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// row is one row of a route table, for the parser and as a pattern.
type row struct {
	name    string
	parser  func(header lines) bool
	pattern string
}

func versionRow(s grammar.Service, version string, c grammar.Condition) row {
	return row{
		name:    "version " + version + " " + c.From + " " + c.Method,
		parser:  func(header lines) bool { return grammar.Follows(header, s, version, c) },
		pattern: s.Pattern(version, c),
	}
}

func strictRow(s grammar.Service, j grammar.Judged, c grammar.Condition) row {
	return row{
		name:    "strict " + c.From + " " + c.Method,
		parser:  func(header lines) bool { return grammar.StrictDue(header, s, j, c) },
		pattern: s.StrictPattern(j, c),
	}
}

func baggageRow(s grammar.Service, version string) row {
	return row{
		name:    "baggage " + version,
		parser:  func(header lines) bool { return grammar.FollowsBaggage(header, s, version) },
		pattern: s.BaggagePattern(version),
	}
}

func setRow(s grammar.Service, version string) row {
	return row{
		name:    "set " + version,
		parser:  func(header lines) bool { return grammar.FollowsSet(header, s, version) },
		pattern: s.SetPattern(version),
	}
}

func baggageSetRow(s grammar.Service, version string) row {
	return row{
		name:    "baggage set " + version,
		parser:  func(header lines) bool { return grammar.FollowsBaggageSet(header, s, version) },
		pattern: s.BaggageSetPattern(version),
	}
}

// strictSetRow is for few versions, so that there is one pattern.
func strictSetRow(s grammar.Service, versions []string) row {
	return row{
		name:    "strict set " + strings.Join(versions, " "),
		parser:  func(header lines) bool { return grammar.StrictSetDue(header, s, versions) },
		pattern: s.StrictSetPatterns(versions)[0],
	}
}

func anyBaggageRow() row {
	return row{name: "any baggage", parser: grammar.AnyBaggage, pattern: grammar.AnyBaggagePattern}
}

// winners returns the first row that takes the header according to the parser, and the
// first according to its pattern; -1 if none does.
func winners(t *rapid.T, table []row, header lines) (parser, pattern int) {
	parser = slices.IndexFunc(table, func(r row) bool { return r.parser(header) })
	pattern = slices.IndexFunc(table, func(r row) bool {
		if err := grammar.CheckPattern(r.pattern); err != nil {
			t.Fatal(err)
		}
		return matches(regexp.MustCompile(`^(?:`+r.pattern+`)$`), header)
	})
	return parser, pattern
}

// tables draws a table of one Service, in any order: other packages decide the order of
// real tables.
func tables() *rapid.Generator[[]row] {
	return rapid.Custom(func(t *rapid.T) []row {
		s := services().Draw(t, "service")
		judged := rapid.Custom(func(t *rapid.T) grammar.Judged {
			return grammar.Judged{From: rapid.Bool().Draw(t, "judges from"), Method: rapid.Bool().Draw(t, "judges method")}
		})
		one := rapid.Custom(func(t *rapid.T) row {
			c := conditions().Draw(t, "condition")
			version := rapid.OneOf(rapid.Just("v2"), rapid.SampledFrom(validVersions())).Draw(t, "version")
			switch rapid.IntRange(0, 7).Draw(t, "kind") {
			case 0, 1:
				return strictRow(s, judged.Draw(t, "judged"), c)
			case 2:
				return strictSetRow(s, rapid.SliceOfNDistinct(rapid.SampledFrom(validVersions()), 1, 3, rapid.ID).Draw(t, "versions"))
			case 3:
				return setRow(s, version)
			}
			return versionRow(s, version, c)
		})
		return rapid.SliceOfN(one, 1, 6).Draw(t, "rows")
	})
}

// TestParserAndPatternsAgree is the central property of the package: parser and patterns
// agree on the row that takes a request.
func TestParserAndPatternsAgree(t *testing.T) {
	t.Parallel()
	won := make(map[bool]int) // whether any row took the header, to how often
	rapid.Check(t, func(t *rapid.T) {
		table := tables().Draw(t, "table")
		for range 20 {
			header := headers(members()).Draw(t, "header")
			parser, pattern := winners(t, table, header)
			if parser != pattern {
				t.Fatalf("header %q: row %d by the parser, %d by the patterns of\n%s", header, parser, pattern, describe(table))
			}
			won[parser >= 0]++
		}
	})
	if won[true] < won[false]/20 {
		t.Errorf("%d headers took a row and %d did not: the generator does not meet the rows", won[true], won[false])
	}
}

func TestParserAndBaggagePatternsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := services().Draw(t, "service")
		for range 20 {
			header := headers(baggageMembers()).Draw(t, "header")
			version := rapid.SampledFrom(validVersions()).Draw(t, "version")
			for _, r := range []row{baggageRow(s, version), baggageSetRow(s, version), anyBaggageRow()} {
				if parser, pattern := winners(t, []row{r}, header); parser != pattern {
					t.Fatalf("header %q, %s: parser %d, pattern %d: %s", header, r.name, parser, pattern, r.pattern)
				}
			}
		}
	})
}

// TestFollowsIsParse: the functions that explain patterns agree with Parse.
func TestFollowsIsParse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := services().Draw(t, "service")
		c := conditions().Draw(t, "condition")
		version := rapid.SampledFrom(validVersions()).Draw(t, "version")
		named := func(m grammar.Member) bool {
			return m.Service == s.Name && (m.Namespace == "" || m.Namespace == s.Namespace) && m.Version == version
		}
		header := headers(members()).Draw(t, "header")
		parsed, _ := grammar.Parse(header...)
		want := slices.ContainsFunc(parsed, func(m grammar.Member) bool {
			return named(m) && m.From == c.From && m.Method == c.Method
		})
		if got := grammar.Follows(header, s, version, c); got != want {
			t.Errorf("Follows(%q) is %v, Parse returned %q", header, got, canonical(parsed))
		}
		set := func(m grammar.Member) bool {
			return m.IsSet() && (m.Namespace == "" || m.Namespace == s.Namespace) && m.Version == version
		}
		if got := grammar.FollowsSet(header, s, version); got != slices.ContainsFunc(parsed, set) {
			t.Errorf("FollowsSet(%q) is %v, Parse returned %q", header, got, canonical(parsed))
		}
		strict := slices.ContainsFunc(parsed, func(m grammar.Member) bool { return set(m) && m.Strict })
		if strict && !grammar.StrictSetDue(header, s, []string{"other", version}) {
			t.Errorf("StrictSetDue(%q) is false, Parse returned %q", header, canonical(parsed))
		}
		header = headers(baggageMembers()).Draw(t, "baggage")
		parsed, _ = grammar.ParseBaggage(header...)
		if got := grammar.FollowsBaggage(header, s, version); got != slices.ContainsFunc(parsed, named) {
			t.Errorf("FollowsBaggage(%q) is %v, ParseBaggage returned %q", header, got, canonical(parsed))
		}
		if got := grammar.FollowsBaggageSet(header, s, version); got != slices.ContainsFunc(parsed, set) {
			t.Errorf("FollowsBaggageSet(%q) is %v, ParseBaggage returned %q", header, got, canonical(parsed))
		}
	})
}

// TestLinesAndCommasAreTheSame: splitting a line at a comma, or joining lines, changes
// only the places of errors.
func TestLinesAndCommasAreTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		header := headers(members()).Draw(t, "header")
		apart, apartErr := grammar.Parse(header...)
		joined, joinedErr := grammar.Parse(strings.Join(header, ","))
		if diff := cmp.Diff(apart, joined); diff != "" {
			t.Errorf("%q, lines -, one line +:\n%s", header, diff)
		}
		if (apartErr == nil) != (joinedErr == nil) {
			t.Errorf("%q: %v in lines, %v in one", header, apartErr, joinedErr)
		}
	})
}

func TestFormatIsParsedBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfNDistinct(wellFormed(), 1, 6, func(m grammar.Member) string {
			return m.Service + "." + m.Namespace + ";" + m.From + ";" + m.Method
		}).Draw(t, "members")
		value, err := grammar.Format(want...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := grammar.Parse(value)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Parse(%q): %v, want -, got +:\n%s", value, err, diff)
		}
		for _, m := range want {
			s := grammar.Service{Name: m.Service, Namespace: "demo"}
			if m.Namespace != "" {
				s.Namespace = m.Namespace
			}
			pattern := s.Pattern(m.Version, grammar.Condition{From: m.From, Method: m.Method})
			if m.IsSet() {
				pattern = s.SetPattern(m.Version)
			}
			if !matches(compileRapid(t, pattern), lines{value}) {
				t.Errorf("%s is not taken by the pattern for %s", value, m)
			}
		}
	})
}

func TestFormatBaggageIsParsedBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfNDistinct(wellFormed(), 1, 6, func(m grammar.Member) string {
			return m.Service + "." + m.Namespace
		}).Draw(t, "members")
		for i := range want {
			want[i].From, want[i].Method, want[i].Strict = "", "", false
		}
		value, err := grammar.FormatBaggage(want...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := grammar.ParseBaggage("userId=alice", value)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("ParseBaggage(%q): %v, want -, got +:\n%s", value, err, diff)
		}
	})
}

// TestEveryOrderOfParameters tests every sequence of up to four parameters, in every row.
func TestEveryOrderOfParameters(t *testing.T) {
	t.Parallel()
	s := service3()
	pool := []string{"strict", "from=service-2", "from=a.b", "method=GET", "method=PUT", "fro", "x=y", ""}
	var table []row
	for _, c := range []grammar.Condition{{}, {From: "service-2"}, {Method: "GET"}, {From: "service-2", Method: "GET"}} {
		table = append(table, versionRow(s, "v2", c))
		for _, j := range []grammar.Judged{{}, {From: true}, {Method: true}, {From: true, Method: true}} {
			table = append(table, strictRow(s, j, c))
		}
	}
	sequences := []string{"service-3:v2"}
	for level, from := 0, 0; level < 4; level++ {
		until := len(sequences)
		for _, prefix := range sequences[from:until] {
			for _, p := range pool {
				sequences = append(sequences, prefix+";"+p)
			}
		}
		from = until
	}
	for _, r := range table {
		re := compile(t, r.pattern)
		for _, value := range sequences {
			if parser, pattern := r.parser(lines{value}), matches(re, lines{value}); parser != pattern {
				t.Fatalf("%q, row %s: parser %v, pattern %v: %s", value, r.name, parser, pattern, r.pattern)
			}
		}
	}
}

// TestEveryParameterThatComesNear tests every text of up to five characters that could
// be, or begin like, a judged parameter, between two others: the complement of a prefix
// leaves no gap.
func TestEveryParameterThatComesNear(t *testing.T) {
	t.Parallel()
	s := service3()
	for _, prefix := range []string{"", "f", "fro", "from", "m", "metho", "method"} {
		texts := []string{prefix}
		for level, from := 0, 0; level < 4; level++ {
			until := len(texts)
			for _, text := range texts[from:until] {
				for _, c := range "from=d \tx" {
					texts = append(texts, text+string(c))
				}
			}
			from = until
		}
		for _, c := range []grammar.Condition{{}, {From: "x", Method: "M"}} {
			j := grammar.Judged{From: true, Method: true}
			re := compile(t, s.StrictPattern(j, c))
			for _, text := range texts {
				value := "service-3:v2;" + text + ";strict"
				if parser, pattern := grammar.StrictDue(lines{value}, s, j, c), matches(re, lines{value}); parser != pattern {
					t.Fatalf("%q, row %v: parser %v, pattern %v", value, c, parser, pattern)
				}
			}
		}
	}
}

func compileRapid(t *rapid.T, pattern string) *regexp.Regexp {
	if err := grammar.CheckPattern(pattern); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`^(?:` + pattern + `)$`)
}

func describe(table []row) string {
	var b strings.Builder
	for _, r := range table {
		b.WriteString(r.name + "\t" + r.pattern + "\n")
	}
	return b.String()
}
