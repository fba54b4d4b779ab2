package edge_test

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// fromCookie is the header that is made of cookies.
func fromCookie(cookies string) string {
	set := edge.OfCookie("x-override")
	if out := set.Of(cookies); out != "" {
		return out
	}
	var out strings.Builder
	for _, e := range edge.OfCookieMembers("x-override") {
		out.WriteString(e.Of(cookies))
	}
	return out.String()
}

// checkMade fails unless a header that was made is one that package grammar reads, all of
// whose members stand in text. A name that is too long for any version is not followed.
func checkMade(t interface{ Fatalf(string, ...any) }, made, text string) {
	if made == "" {
		return
	}
	made = strings.TrimPrefix(made, ",")
	members, err := grammar.Parse(made)
	for m := range strings.SplitSeq(made, ",") {
		service, version, _ := strings.Cut(m, ":")
		if !strings.Contains(text, version) || service != grammar.SetName && !strings.Contains(text, service) {
			t.Fatalf("%q is made of %q", made, text)
		}
		if len(version) > grammar.MaxLabelLength || len(service) > 2*grammar.MaxLabelLength+1 {
			return
		}
		for name := range strings.SplitSeq(service, ".") {
			if len(name) > grammar.MaxLabelLength {
				return
			}
		}
	}
	// Members that contradict each other are reported, as in any header.
	if len(members) != strings.Count(made, ",")+1 {
		t.Fatalf("%q is made of %q, but is not the members %v: %v", made, text, members, err)
	}
}

func FuzzHost(f *testing.F) {
	for _, seed := range []string{
		"pr-118.preview.shop.example.com", "pr-118.preview.shop.example.com:8443", "PR.preview.shop.example.com", "-a.preview.shop.example.com",
		"a.b.preview.shop.example.com", "shop.example.com", "x.previewxshop.example.com", "a,*:b.preview.shop.example.com", "a.preview.shop.example.com.evil",
	} {
		f.Add(seed)
	}
	p, err := edge.ParsePreviewHost("*.preview.shop.example.com=shop.example.com")
	if err != nil {
		f.Fatal(err)
	}
	e := edge.OfHost(p)
	f.Fuzz(func(t *testing.T, host string) {
		made := e.Of(host)
		checkMade(t, made, host)
		// The meaning of the pattern: the name, the domain, perhaps a port.
		name, port, _ := strings.Cut(host, ":")
		name, inside := strings.CutSuffix(name, ".preview.shop.example.com")
		want := ""
		if inside && isName(name) && (port == "" && !strings.HasSuffix(host, ":") || port != "" && strings.Trim(port, "0123456789") == "") {
			want = "*:" + name
		}
		if made != want {
			t.Fatalf("%q makes %q, want %q", host, made, want)
		}
	})
}

// isName reports whether a name is a version, or one that is too long.
func isName(name string) bool {
	if len(name) > grammar.MaxLabelLength {
		return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" &&
			grammar.ValidateVersion(name[:1]+name[len(name)-1:]) == nil
	}
	return grammar.ValidateVersion(name) == nil
}

func FuzzCookie(f *testing.F) {
	for _, seed := range []string{
		"x-override=pr-118", "a=b; x-override=*:pr-118", "x-override=%2A%3Apr", "x-override=web:v2~cart.shop%3Av2", "xx-override=v2",
		"x-override=a:1~b:2~c:3~d:4", "x-override=v2,x-override=v1", "x-override=*.shop:v1~*:v2; c", "x-override= v2", "x-override=a~b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cookies string) {
		made := fromCookie(cookies)
		checkMade(t, made, cookies)
		results := 0
		want := ""
		for cookie := range strings.FieldsFuncSeq(cookies, func(r rune) bool { return r == ';' || r == ',' }) {
			value, found := strings.CutPrefix(strings.TrimLeft(cookie, " \t"), "x-override=")
			if value = meant(strings.TrimRight(value, " \t")); found && value != "" {
				if results++; results == 1 {
					want = value
				}
			}
		}
		// Of several cookies a set wins, and else the order of the patterns decides.
		if results == 0 && made != "" || results == 1 && made != want || results > 1 && made == "" {
			t.Fatalf("%q makes %q, want %q", cookies, made, want)
		}
	})
}

// meant is the header that the value of a cookie asks for, without a pattern; empty if it
// asks for none.
func meant(value string) string {
	value = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(value)
	for _, star := range []string{"%2A:", "%2a:", "*:", ""} {
		if name, found := strings.CutPrefix(value, star); found && isName(name) {
			return "*:" + name
		}
	}
	items := strings.Split(value, "~")
	var out strings.Builder
	for i, item := range items[:min(3, len(items))] {
		if i > 0 && strings.ContainsFunc(items[i-1], func(r rune) bool { return r <= ' ' || r > '}' }) {
			break // nothing is made after what no value of a cookie has
		}
		service, version, found := strings.Cut(item, ":")
		if !found || !isName(version) || !isService(service) {
			continue
		}
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString(item)
	}
	return out.String()
}

// isService reports whether name names a Service or a set, or is too long for it.
func isService(name string) bool {
	return regexp.MustCompile(`^(\*|[a-z]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)?$`).MatchString(name)
}

// FuzzBaggage: every baggage that proxies would follow is removed, and no other.
func FuzzBaggage(f *testing.F) {
	for _, seed := range []string{"a=b", "override.web=v2", "a=b, \toverride\t=v2", "overrides=removed", "a=\xff,override.web=v2", "xoverride.a=1", "Override=1"} {
		f.Add(seed)
	}
	e, override := edge.OfBaggage(), regexp.MustCompile(`^(?:`+grammar.AnyBaggagePattern+`)$`)
	f.Fuzz(func(t *testing.T, baggage string) {
		if strings.ContainsAny(baggage, "\r\n\x00") {
			return // no header has these
		}
		made := e.Of(baggage)
		if override.MatchString(baggage) != (made != "") {
			t.Fatalf("%q becomes %q", baggage, made)
		}
		if made != "" && grammar.AnyBaggage([]string{made}) {
			t.Fatalf("%q is an override", made)
		}
	})
}

// TestDrawn: drawn hosts and cookies of every form make the header that they mean.
func TestDrawn(t *testing.T) {
	t.Parallel()
	version := rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?`)
	name := rapid.StringMatching(`(\*|[a-z]([a-z0-9-]{0,10}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?)?`)
	rapid.Check(t, func(t *rapid.T) {
		domain := rapid.StringMatching(`[a-z0-9]{1,5}(-[a-z0-9]{1,5})?\.[a-z]{2,5}`).Draw(t, "domain")
		p, err := edge.ParsePreviewHost("*." + domain + "=host.test")
		if err != nil {
			t.Fatal(err)
		}
		v := version.Draw(t, "version")
		e := edge.OfHost(p)
		if made := e.Of(v + "." + domain); made != "*:"+v {
			t.Fatalf("%s.%s makes %q", v, domain, made)
		}
		var items, want []string
		for range rapid.IntRange(1, 3).Draw(t, "members") {
			n, v := name.Draw(t, "name"), version.Draw(t, "version")
			items, want = append(items, n+rapid.SampledFrom([]string{":", "%3A", "%3a"}).Draw(t, "colon")+v), append(want, n+":"+v)
		}
		before := rapid.SampledFrom([]string{"", "a=b; ", "xx-override=v1; ", "a=b,", "x-override=; ", "x-override-2=v1;"}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", ";a=b", "; x-overrides=v1", ",a=b", " "}).Draw(t, "after")
		text := before + "x-override=" + strings.Join(items, "~") + after
		if made := fromCookie(text); made != strings.Join(want, ",") {
			t.Fatalf("%q makes %q, want %q", text, made, want)
		}
	})
}

// TestExpressions: nothing in an expression ends the operator of Envoy's format strings too
// early.
func TestExpressions(t *testing.T) {
	t.Parallel()
	end := regexp.MustCompile(`\)(?::[0-9]+)?%`)
	for _, e := range largest(t) {
		if end.MatchString(e.Expression) {
			t.Errorf("it ends within: %s", e.Expression)
		}
		if strings.ContainsFunc(e.Expression, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("it has other characters than visible ASCII: %s", e.Expression)
		}
	}
}

// largest are the extractions with the longest names.
func largest(t *testing.T) []edge.Extraction {
	t.Helper()
	cookie := strings.Repeat("c", edge.MaxCookieName)
	if edge.ValidateCookie(cookie) != nil || edge.ValidateCookie(cookie+"c") == nil {
		t.Error("the longest name of a cookie is another")
	}
	domain := strings.Repeat("a.", edge.MaxDomainLabels-1) + "a"
	p, err := edge.ParsePreviewHost("*." + domain + "=host.test")
	if _, beyond := edge.ParsePreviewHost("*.a." + domain + "=host.test"); err != nil || beyond == nil {
		t.Errorf("the longest domain is another: %v", err)
	}
	return append(edge.OfCookieMembers(cookie), edge.OfCookie(cookie), edge.OfHost(p), edge.OfBaggage())
}

// TestSizes: Envoy's CEL takes patterns of at most 100 instructions of RE2.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, e := range largest(t) {
		parsed, err := syntax.Parse(e.Pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if size := instructions(parsed.Simplify()) + 4; size > 100 {
			t.Errorf("%d instructions: %s", size, e.Pattern)
		}
	}
	// RE2 itself says 99 and 104 for these.
	for n, want := range map[int]int{95: 99, 100: 104} {
		parsed, err := syntax.Parse("^("+strings.Repeat("a", n)+")$", syntax.Perl)
		if err != nil || instructions(parsed)+4 < want {
			t.Errorf("the estimate for %d letters is too small: %v", n, err)
		}
	}
}

// instructions is at least the number of instructions of RE2 for a pattern.
func instructions(r *syntax.Regexp) int {
	n := 0
	for _, sub := range r.Sub {
		n += instructions(sub)
	}
	switch r.Op {
	case syntax.OpLiteral:
		return n + len(r.Rune)
	case syntax.OpCharClass:
		if len(r.Rune) > 0 && r.Rune[len(r.Rune)-1] > 0x7f { // UTF-8 of more than one byte
			return n + len(r.Rune)/2 + 12
		}
		return n + len(r.Rune)/2
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpBeginText, syntax.OpEndText, syntax.OpAlternate:
		return n + 1
	case syntax.OpCapture:
		return n + 2
	default:
		return n
	}
}
