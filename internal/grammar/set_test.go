package grammar_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

func TestParseSets(t *testing.T) {
	t.Parallel()
	const parameters = `a set has no from and no method, only strict: name the service instead of "*"`
	for _, test := range []refusal{
		{lines{"*:pr-118"}, "*:pr-118", ""},
		{lines{"service-3:v1 , *.shop:Feature_X.1 ;\tstrict"}, "service-3:v1, *.shop:Feature_X.1;strict", ""},
		{lines{"*:v1, *.shop:v2, *.lab:v2"}, "*:v1, *.shop:v2, *.lab:v2", ""},
		{lines{"*:v1, *:v2"}, "*:v1, *:v2", `member 2: "*:v2": second member for the same calls of "*", after "*:v1"`},
		{lines{"*:v1;from=a"}, "", `member 1: "*:v1;from=a": ` + parameters},
		{lines{"*.shop:v1;strict;method=GET"}, "", `member 1: "*.shop:v1;strict;method=GET": ` + parameters},
		{lines{"*a:v1"}, "", `member 1: "*a:v1": service "*a" begins with "*": write "*" alone for every service with the version`},
		{lines{"**:v1"}, "", `member 1: "**:v1": service "**" begins with "*": write "*" alone for every service with the version`},
		{lines{"a*:v1"}, "", `member 1: "a*:v1": service "a*" ` + wantDNS1035},
		{lines{"a.*:v1"}, "", `member 1: "a.*:v1": namespace "*" ` + wantDNS1123},
		{lines{"*.:v1"}, "", `member 1: "*.:v1": namespace is empty`},
		{lines{"*:"}, "", `member 1: "*:": version is empty`},
		{lines{"*:*"}, "", `member 1: "*:*": version "*" ` + wantLabel},
		{lines{"*"}, "", `member 1: "*": no ":", want service:version or service.namespace:version`},
		{lines{"*=v1"}, "", `member 1: "*=v1": no ":", want service:version or service.namespace:version; did you mean "*:v1"?`},
		{lines{`"*.Shop: v1"`}, "", `member 1: "\"*.Shop: v1\"": quoted strings are not part of the grammar; did you mean "*.shop:v1"?`},
	} {
		test.check(t)
	}
}

func TestParseBaggageSets(t *testing.T) {
	t.Parallel()
	for _, test := range []refusal{
		{lines{"override=pr-118"}, "*:pr-118", ""},
		{lines{"a=b,override\t= pr-118 ;ttl=1", "override.*.shop=v1"}, "*:pr-118, *.shop:v1", ""},
		{lines{"overrides=v1,Override=v1,xoverride=v1,override;a=b,override,k=override=v1"}, "", ""},
		{lines{"override="}, "", `member 1: "override=": version is empty`},
		{lines{"override.*=v1"}, "", `member 1: "override.*=v1": key "override.*", want override=version for every service with the version`},
		{lines{"override.*a=v1"}, "", `member 1: "override.*a=v1": service "*a" begins with "*": write "*" alone for every service with the version`},
		{lines{"override=v1, override=v2"}, "*:v1, *:v2", `member 2: "override=v2": second member for the same calls of "*", after "*:v1"`},
	} {
		got, err := grammar.ParseBaggage(test.header...)
		if canonical(got) != test.members || message(err) != test.err {
			t.Errorf("ParseBaggage(%q)\n got %q, error %s\nwant %q, error %s", test.header, canonical(got), message(err), test.members, test.err)
		}
	}
	ignored := grammar.IgnoredParameters("a=b;strict,override=v1; strict,override.*.shop=v1;ttl=1")
	if len(ignored) != 1 || ignored[0].Member != 2 {
		t.Errorf("IgnoredParameters returned %v", ignored)
	}
}

func TestFormatSets(t *testing.T) {
	t.Parallel()
	set := grammar.Member{Service: grammar.SetName, Version: "v2"}
	shop := grammar.Member{Service: grammar.SetName, Namespace: "shop", Version: "v3"}
	if got, err := grammar.Format(set, shop); got != "*:v2, *.shop:v3" || err != nil {
		t.Errorf("Format: %q, %v", got, err)
	}
	if got, err := grammar.FormatBaggage(set, shop); got != "override=v2,override.*.shop=v3" || err != nil {
		t.Errorf("FormatBaggage: %q, %v", got, err)
	}
	set.From = "web"
	if got, err := grammar.Format(set); got != "" || message(err) != `member 1: "*:v2;from=web": a set has no from and no method, only strict: name the service instead of "*"` {
		t.Errorf("Format: %q, %v", got, err)
	}
}

func TestSetPatternsAreExact(t *testing.T) {
	t.Parallel()
	s := service3()
	exact(t, s.SetPattern("v2.1"),
		[]string{"*:v2.1", "*.demo:v2.1 ;strict", "a:v1, *:v2.1\t,b:v2", "service-3:v1,*:v2.1", "*:v1,*:v2.1"},
		[]string{
			"", "service-3:v2.1", "**:v2.1", "x*:v2.1", "*x:v2.1", "*.shop:v2.1", "*.demox:v2.1", "*xdemo:v2.1", "*.:v2.1", "* :v2.1", "*: v2.1",
			"*:v2", "*:v2.10", "*:v2x1", "*:v2.1;from=a", "*:v2.1;", ":v2.1", "x:v2.1", `"*:v2.1"`,
		},
	)
	exact(t, grammar.Service{Name: "service-3"}.SetPattern("v2"), []string{"*:v2"}, []string{"*.demo:v2", "*.:v2"})
	exact(t, s.BaggageSetPattern("v2"),
		[]string{"override=v2", "a=b, override\t= v2 ;p=q;strict ,c=d", "override.*.demo=v2"},
		[]string{
			"overrides=v2", "override.*=v2", "override.*.shop=v2", "override.service-3=v2", "xoverride=v2", "Override=v2", "override=v20", "a=override=v2",
			"override;p=v2", "override.demo=v2", "override", "override:v2",
		},
	)
	exact(t, grammar.AnyBaggagePattern,
		[]string{"override=v2", "a=b, override \t= v2", "override.*.demo=v2", "override="},
		[]string{"override", "override;a=b", "overrides=v2", "override-x=v2", "a=override=v2", "Override=v2"},
	)
}

// TestStrictSet: a strict set is due for the versions that the Service has, whatever its
// parameters.
func TestStrictSet(t *testing.T) {
	t.Parallel()
	s, versions := service3(), []string{"v1", "v2.1"}
	patterns := s.StrictSetPatterns(versions)
	if len(patterns) != 1 {
		t.Fatalf("%d patterns", len(patterns))
	}
	take := []string{"*:v1;strict", "*.demo:v2.1 ;\tstrict", "a:v1,*:v1;x;;strict;from=web,b:v2", "*:v1;method=GET;strict"}
	leave := []string{"*:v1", "*:v3;strict", "*:v2x1;strict", "*:v1,strict", "*:v1;strict=?1", "*.shop:v1;strict", "service-3:v1;strict", "*x:v1;strict", "*: v1;strict", "*;strict"}
	exact(t, patterns[0], take, leave)
	for _, value := range slices.Concat(take, leave) {
		if due := grammar.StrictSetDue(lines{value}, s, versions); due != slices.Contains(take, value) {
			t.Errorf("StrictSetDue(%q) is %v", value, due)
		}
	}
}

// TestStrictSetPatternsFit: any number of versions fits patterns that Istio accepts, each
// version in one.
func TestStrictSetPatternsFit(t *testing.T) {
	t.Parallel()
	s := grammar.Service{Name: "a", Namespace: strings.Repeat("n", grammar.MaxLabelLength)}
	if got := s.StrictSetPatterns(nil); got != nil {
		t.Errorf("no versions: %q", got)
	}
	var versions []string
	for i := range 300 {
		versions = append(versions, fmt.Sprintf("v%s%03d", strings.Repeat(".", i%60), i))
	}
	taken := map[string]int{}
	for _, pattern := range s.StrictSetPatterns(versions) {
		re := compile(t, pattern)
		for _, v := range versions {
			if matches(re, lines{"*:" + v + ";strict"}) {
				taken[v]++
			}
		}
	}
	for _, v := range versions {
		if taken[v] != 1 {
			t.Errorf("%s is in %d patterns", v, taken[v])
		}
	}
}

// TestOrderOfMembersMakesNoDifference: a table has the same winner in whatever order the
// members of a header are, so a member that names the Service wins over a set by the order
// of the rows alone.
func TestOrderOfMembersMakesNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := tables().Draw(t, "table")
		texts := rapid.SliceOfN(members(), 1, 6).Draw(t, "members")
		before, _ := winners(t, table, lines{strings.Join(texts, ",")})
		shuffled := rapid.Permutation(texts).Draw(t, "shuffled")
		if parser, pattern := winners(t, table, lines{strings.Join(shuffled, ",")}); parser != before || pattern != before {
			t.Fatalf("%q: row %d; %q: row %d by the parser, %d by the patterns of\n%s", texts, before, shuffled, parser, pattern, describe(table))
		}
	})
}

// TestNeedsBaggageOverride: what the function recognizes implies AnyBaggagePattern.
func TestNeedsBaggageOverride(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		service3().BaggagePattern("v2"):                                   true,
		service3().BaggageSetPattern("v2"):                                true,
		grammar.Service{Name: "a"}.BaggageSetPattern("v2"):                true,
		grammar.AnyBaggagePattern:                                         true,
		service3().SetPattern("v2"):                                       false,
		`(?:.*,)?[ \t]*override[ \t]*=?x`:                                 false,
		`(?:.*,)?[ \t]*override[ \t]*=x|y`:                                false,
		`(?:.*,)?[ \t]*override(?:\.\*\.a|b)?[ \t]*=x`:                    false,
		`(?:.*,)?[ \t]*override(?:\.\*\.a)?x[ \t]*=x`:                     false,
		`(?:.*,)?[ \t]*overrides=x`:                                       false,
		`(?:.*,)?[ \t]*override(?:\.\*\.a)?[ \t]*=(?:x|y)[^,]*(?:,.*)?`:   true,
		`(?:.*,)?[ \t]*override(?:\.\*\.a)?[ \t]*=(?:x|y))?[^,]*(?:,.*)?`: false,
	} {
		if got := grammar.NeedsBaggageOverride(pattern); got != want {
			t.Errorf("NeedsBaggageOverride(%q) is %v", pattern, got)
		}
	}
}

func TestSetPatternLengths(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", grammar.MaxLabelLength)
	dots := "x" + strings.Repeat(".", grammar.MaxLabelLength-2) + "x"
	s := grammar.Service{Name: "a", Namespace: long}
	for _, test := range []struct {
		name, pattern string
		length        int
	}{
		{"set, dots", s.SetPattern(dots), 249},
		{"baggage set, dots", s.BaggageSetPattern(dots), 258},
		{"strict set, dots", s.StrictSetPatterns([]string{dots})[0], 272},
	} {
		if len(test.pattern) != test.length {
			t.Errorf("%s: %d bytes, want %d", test.name, len(test.pattern), test.length)
		}
	}
}
