package grammar_test

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Headers are drawn from members that a route could be for, near misses, and random
// bytes. There are few names, versions and callers, so that generated rows and generated
// headers often match.

func names() []string {
	return []string{
		"service-3", "service-3.demo", "service-3.shop", "service-3.demo.x", "service-3.", "service-33", "xservice-3",
		"x-service-3", "service", "service-3xdemo", "SERVICE-3", "demo", "",
		"*", "*.demo", "*.shop", "*.", "**", "*service-3", "*demo", "*.demo.x", "service-3.*", "*.*", ".demo",
	}
}

// setNames are the names of sets that services() may be in.
func setNames() []string { return []string{"*", "*.demo", "*.shop"} }

// someName draws a name, often of a member that some row takes.
func someName(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom(names()[:2]), rapid.SampledFrom(names()[:2]), rapid.SampledFrom(names()),
		rapid.SampledFrom(setNames()),
	).Draw(t, "name")
}

func versions() []string {
	return []string{"v2", "v20", "v2.1", "v2.10", "v2x1", "v2.1.", "xv2", "v", "V2", "v2 v2", " v2", " ", "", "v2:v2", "v%32", "2"}
}

func validVersions() []string { return []string{"v2", "v20", "v2.1", "v2x1", "2"} }

func callers() []string { return []string{"service-2", "a.b", "f"} }

func methods() []string { return []string{"GET", "M-SEARCH"} }

func parameters() []string {
	return []string{
		"strict", "strict", "strict", "from=service-2", "from=service-2", "from=a.b", "method=GET", "method=GET", "method=M-SEARCH",
		"from=service-20", "from=axb", "from=f", "from=", "from", "from =service-2", "from= service-2", "fromx=1", "from:x",
		"method=GETX", "method=get", "method=", "method", "methodical=1", "method =GET", "strict=?1", "strict=", "strictly", "xstrict",
		"f", "fr", "fro", "frx", "m", "me", "meth", "metho", "mx", "from=service-2 x", "xfrom=service-2", "Strict", "FROM=a.b",
		"", "weight=5", "x", `x="y"`, "é", "\x01", "st rict", "override.service-3=v2",
	}
}

// space draws optional white space, and sometimes other characters that only look like
// it.
func space() *rapid.Generator[string] {
	well := rapid.SampledFrom([]string{"", "", "", "", " ", "\t", " \t "})
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 40).Draw(t, "odd") == 40 {
			return rapid.SampledFrom([]string{"\u00a0", "\f", "\xa0"}).Draw(t, "space")
		}
		return well.Draw(t, "space")
	})
}

// spaced draws text with white space around it.
func spaced(t *rapid.T, text string) string {
	return space().Draw(t, "before") + text + space().Draw(t, "after")
}

// members draws one member of the override header.
func members() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		name := someName(t)
		version := rapid.OneOf(rapid.Just("v2"), rapid.SampledFrom(validVersions()), rapid.SampledFrom(versions())).Draw(t, "version")
		colon := rapid.SampledFrom([]string{":", ":", ":", ":", ":", ":", ":", " :", "", "="}).Draw(t, "colon")
		text := spaced(t, name+colon+version)
		few := rapid.OneOf(rapid.SampledFrom(parameters()[:9]), rapid.SampledFrom(parameters()))
		for _, p := range rapid.SliceOfN(few, 0, 4).Draw(t, "parameters") {
			text += ";" + spaced(t, p)
		}
		return text
	})
}

// baggageMembers draws one member of the baggage header.
func baggageMembers() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"override.", "override.", "override.", "override.", "xoverride.", "override", "", "Override.", "override. "}).Draw(t, "prefix")
		name := someName(t)
		version := rapid.OneOf(rapid.Just("v2"), rapid.SampledFrom(validVersions()), rapid.SampledFrom(versions())).Draw(t, "version")
		equals := rapid.SampledFrom([]string{"=", "=", "=", "=", "==", ":", ""}).Draw(t, "equals")
		key := prefix + name
		if rapid.IntRange(0, 3).Draw(t, "set") == 0 {
			key = rapid.SampledFrom([]string{"override", "override", "override", "override.*.demo", "override.*.shop", "Override", "overrides", "override*"}).Draw(t, "key")
		}
		text := spaced(t, key) + equals + spaced(t, version)
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(parameters()), 0, 2).Draw(t, "properties") {
			text += ";" + spaced(t, p)
		}
		return text
	})
}

// noise draws list members that are not overrides. CR, LF and NUL are left out: no HTTP
// implementation allows them in a header's value.
func noise() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", `"`, ";", ":", "é", "\xff", "\xc3", "service-2:v1", "strict"}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), clean),
	)
}

func clean(raw []byte) string {
	return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(string(raw))
}

// headers draws the lines of a header whose members mostly come from own.
func headers(own *rapid.Generator[string]) *rapid.Generator[[]string] {
	member := rapid.OneOf(own, own, own, own, own, own, own, own, own, own, own, noise())
	value := rapid.Map(rapid.SliceOfN(member, 1, 6), func(texts []string) string { return strings.Join(texts, ",") })
	broken := rapid.Custom(func(t *rapid.T) string {
		s := value.Draw(t, "value")
		at := rapid.IntRange(0, len(s)).Draw(t, "at")
		until := min(len(s), at+rapid.IntRange(0, 3).Draw(t, "cut"))
		return s[:at] + clean(rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "insert")) + s[until:]
	})
	return rapid.SliceOfN(rapid.OneOf(value, value, value, broken), 1, 3)
}

func conditions() *rapid.Generator[grammar.Condition] {
	return rapid.Custom(func(t *rapid.T) grammar.Condition {
		return grammar.Condition{
			From:   rapid.SampledFrom(append(callers(), "", "", "")).Draw(t, "from"),
			Method: rapid.SampledFrom(append(methods(), "", "")).Draw(t, "method"),
		}
	})
}

func services() *rapid.Generator[grammar.Service] {
	return rapid.SampledFrom([]grammar.Service{
		service3(), service3(), service3(), {Name: "service-3", Namespace: "shop"}, {Name: "service-3"}, {Name: "service", Namespace: "demo"},
	})
}

// wellFormed draws members that Format accepts individually.
func wellFormed() *rapid.Generator[grammar.Member] {
	label := rapid.StringMatching(`[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?`)
	return rapid.Custom(func(t *rapid.T) grammar.Member {
		m := grammar.Member{
			Service: rapid.StringMatching(`[a-z]([-a-z0-9]{0,61}[a-z0-9])?`).Draw(t, "service"),
			Version: label.Draw(t, "version"),
			Strict:  rapid.Bool().Draw(t, "strict"),
		}
		m.Namespace = rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?`)).Draw(t, "namespace")
		m.From = rapid.OneOf(rapid.Just(""), label).Draw(t, "from")
		m.Method = rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[A-Z][-A-Z0-9_]{0,8}`)).Draw(t, "method")
		if rapid.IntRange(0, 4).Draw(t, "set") == 0 {
			m.Service, m.From, m.Method = grammar.SetName, "", ""
		}
		return m
	})
}
