package grammar_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

func globs(tb testing.TB, texts ...string) []grammar.Glob {
	tb.Helper()
	var out []grammar.Glob
	for _, text := range texts {
		g, err := grammar.ParseGlob(text)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

func TestParseGlob(t *testing.T) {
	t.Parallel()
	globs(t, "cart:v2", "cart.shop:v2", "*:v2", "*.shop:*", "cart.shop:pr-*", "a-b.0:*-rc.*_x", "*:*")
	for _, text := range []string{
		"", ":", "cart", "cart.shop", "cart:", ":v2", "car*:v2", "**:v2", "*cart:v2", "cart.*:v2", "cart.:v2", ".shop:v2", "cart.a.b:v2", "Cart:v2", "cart.Shop:v2",
		"cart:v2;strict", "cart:v 2", "cart:v2,web:v2", "cart:v2:v3", "cart: v2", " cart:v2", "cart:[a]", "cart:.*)", "cart:é", "cart:" + strings.Repeat("v", 64), "cart:v\n",
	} {
		if g, err := grammar.ParseGlob(text); err == nil {
			t.Errorf("%q is %v", text, g)
		}
	}
}

func TestWithinPattern(t *testing.T) {
	t.Parallel()
	const want = `(?:[ \t]*(?:(?:(?:\*|[a-z0-9-]+)\.shop:pr-[A-Za-z0-9._-]*|web(?:\.[a-z0-9-]+)?:v2\.1)[ \t]*(?:;[^,]*)?)?(?:,|$))*`
	got := grammar.WithinPattern(globs(t, "web:v2.1", "*.shop:pr-*", "web:v2.1"))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	exact(t, got,
		[]string{
			"web:v2.1", "web.demo:v2.1", "*.shop:pr-1", "cart.shop:pr-1", "cart.shop:pr-", "web:v2.1,web.a:v2.1 ,\t*.shop:pr-1;strict", "web:v2.1 ; strict;from=a",
			"", ",", ", web:v2.1,,", "web:v2.1;é",
		},
		[]string{
			"web:v2x1", "web:v2.1.", "web:v2", "xweb:v2.1", "web :v2.1", "web: v2.1", "web", "web:", "*:pr-1", "cart:pr-1", "cart.shop.demo:pr-1", "*.demo:pr-1", "*cart.shop:pr-1",
			"web:v2.1,cart:v1", "cart:v1,web:v2.1", "web:v2.1;strict,cart:v1", "web:v2.1 cart:v1", ";strict", "web:v2.1,;web:v2.1", "cart:v1;,web:v2.1", "\xff,web:v2.1", "web:v2.1;\xff",
			"web:v2.1\n", "\"web:v2.1\"", "web:v2.1;a=\"b,cart:v1\"",
		})
	if err := grammar.CheckGlobs(nil); err == nil {
		t.Error("nothing permitted is a pattern")
	}
	var many []grammar.Glob
	for range 40 {
		many = append(many, grammar.Glob{Service: "cart" + strings.Repeat("x", len(many)), Version: "*"})
	}
	if err := grammar.CheckGlobs(many); err == nil {
		t.Error("a pattern of any length is accepted")
	}
}

// someGlobs draws globs that often stand for members of [members].
func someGlobs() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"service-3", "service-3.demo", "*", "*.demo", "*.shop", "service", "demo.demo"}).Draw(t, "name") + ":" +
			rapid.SampledFrom([]string{"*", "v2", "v2.1", "v2*", "v*1", "*2", "*.*", "v2.*", "2", "**"}).Draw(t, "version")
	}), 1, 4)
}

func parsed(t *rapid.T, texts []string) []grammar.Glob {
	var out []grammar.Glob
	for _, text := range texts {
		g, err := grammar.ParseGlob(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

// TestParserAndWithinPatternsAgree: the pattern takes exactly the headers that are within, and
// these ask for nothing but what a shell's patterns for the parts of members permit.
func TestParserAndWithinPatternsAgree(t *testing.T) {
	t.Parallel()
	within, not := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		texts := someGlobs().Draw(t, "globs")
		list := parsed(t, texts)
		re := compileRapid(t, grammar.WithinPattern(list))
		few := rapid.SliceOfN(rapid.SampledFrom([]string{"service-3:v2", "service-3.demo:v2.1", "*.demo:v2;strict", "*:v2", " service:v20 ;method=GET", ""}), 1, 3)
		for range 20 {
			header := rapid.OneOf(few, few, headers(members())).Draw(t, "header")
			got := grammar.Within(header, list)
			if matches(re, header) != got {
				t.Fatalf("header %q is within %q: %v, and the pattern says otherwise: %s", header, texts, got, re)
			}
			all, err := grammar.Parse(header...)
			permitted := !slices.ContainsFunc(all, func(m grammar.Member) bool { return !anyPermits(t, texts, m) })
			if got && !permitted || !got && permitted && err == nil {
				t.Fatalf("header %q is within %q: %v, and it asks for %s", header, texts, got, canonical(all))
			}
			if got {
				within++
			} else {
				not++
			}
		}
	})
	if within < not/20 || not < within/20 {
		t.Errorf("%d headers are within, and %d are not: the generator misses cases", within, not)
	}
}

// anyPermits is written down once more with the patterns of [path.Match].
func anyPermits(t *rapid.T, texts []string, m grammar.Member) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		name, version, _ := strings.Cut(text, ":")
		service, namespace, inOne := strings.Cut(name, ".")
		matches, err := path.Match(version, m.Version)
		if err != nil {
			t.Fatal(err)
		}
		return matches && (service == "*" || service == m.Service) && (!inOne || namespace == m.Namespace)
	})
}

// FuzzWithin: the pattern takes exactly the headers that are within.
func FuzzWithin(f *testing.F) {
	f.Add("service-3:v2, *.demo:v2;strict", "*.demo:v*", "service-3:v2")
	f.Add("a:v1,,b:v2\n ;strict", "a:*", "b.c:*1*")
	f.Add("*:v2\n\xff", "*:*", "a:b")
	f.Fuzz(func(t *testing.T, header, first, second string) {
		a, err := grammar.ParseGlob(first)
		b, otherErr := grammar.ParseGlob(second)
		if err != nil || otherErr != nil || strings.ContainsAny(header, "\r\x00") {
			t.Skip()
		}
		list := []grammar.Glob{a, b}
		agree(t, row{"within", func(h lines) bool { return grammar.Within(h, list) }, grammar.WithinPattern(list)}, split(header))
	})
}
