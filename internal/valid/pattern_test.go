package valid

import (
	"regexp/syntax"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// TestPlainPatternsCompile: every pattern that counts as plain compiles.
func TestPlainPatternsCompile(t *testing.T) {
	t.Parallel()
	parts := []string{
		"a", "Z", "0", " ", ",", ":", ".", "*", "+", "?", "|", "(?:", "(", ")", "[", "]", "[^", "^", "$", "-", "{", "}", "{2}",
		`\`, `\.`, `\t`, `\n`, `\-`, `\]`, `\d`, `\pN`, `\`, "(?s:", "(?", "é", "\x00", "[a", "[^,;]*", `[ \t]*`, "a-z", "[:",
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			pattern := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 12).Draw(t, "parts"), "")
			if _, err := syntax.Parse(pattern, syntax.Perl); plain(pattern) && err != nil {
				t.Fatalf("%q is taken for plain: %v", pattern, err)
			}
		}
	})
}

// TestOurPatternsArePlain: no pattern of Overrides needs to be compiled, and patterns
// that match nothing are not plain for that reason alone.
func TestOurPatternsArePlain(t *testing.T) {
	t.Parallel()
	s := grammar.Service{Name: "service-3", Namespace: "shop"}
	ours := []string{grammar.AnyBaggagePattern, s.BaggagePattern("v1.2_x"), s.SetPattern("v1.2_x"), s.BaggageSetPattern("v1.2_x")}
	ours = append(ours, s.StrictSetPatterns([]string{"v1", "v1.2_x"})...)
	for _, c := range []grammar.Condition{{}, {From: "web-1.a"}, {Method: "M-SEARCH"}, {From: "web", Method: "GET"}} {
		ours = append(ours, s.Pattern("v1.2_x", c))
		for _, j := range []grammar.Judged{{}, {From: true}, {Method: true}, {From: true, Method: true}} {
			ours = append(ours, s.StrictPattern(j, c))
		}
	}
	for _, pattern := range ours {
		if !plain(pattern) {
			t.Errorf("%s is not plain", pattern)
		}
	}
	for _, pattern := range []string{"", "a", `[^\]]`, "(?:)", "(?:a|)*", "a?"} {
		if !plain(pattern) {
			t.Errorf("%s is not plain", pattern)
		}
	}
	for _, pattern := range []string{"*", "a**", "(", ")", "(?:a", "[", "[]", "[a", `\`, `[\`, "(?:*)", "|*", "a{2}", "(a)", `\d`, "[a-z]", strings.Repeat("(?:", 65) + strings.Repeat(")", 65)} {
		if plain(pattern) {
			t.Errorf("%s is plain", pattern)
		}
	}
}

func BenchmarkPattern(b *testing.B) {
	pattern := grammar.Service{Name: "service-3", Namespace: "shop"}.Pattern("v2", grammar.Condition{})
	for name, compiles := range map[string]func() bool{
		"plain":   func() bool { return plain(pattern) },
		"compile": func() bool { _, err := syntax.Parse(pattern, syntax.Perl); return err == nil },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !compiles() {
					b.Fatal("it does not compile")
				}
			}
		})
	}
}
