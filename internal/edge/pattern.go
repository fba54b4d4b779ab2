package edge

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Parts of patterns. Names are those of package grammar but for their length: a member with
// a name of more than 63 characters is malformed in any carrier, and nothing follows it.
const (
	service   = `[a-z](?:[a-z0-9-]*[a-z0-9])?`
	namespace = `[a-z0-9](?:[a-z0-9-]*[a-z0-9])?`
	version   = `[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?`
	// Programs may percent-encode the value of a cookie: JavaScript's encodeURIComponent
	// encodes ":", others "*" too.
	star, colon = `(?:\*|%2[Aa])`, `(?::|%3[Aa])`
	// separator is between members. No program changes it in a cookie, as most do with ",".
	separator = "~"

	// maxCookieMembers is how many members a cookie may have. A set has no limit.
	maxCookieMembers = 3
	// maxCookieName and maxDomainLabels keep patterns within the 100 instructions that
	// Envoy allows: a larger pattern matches nothing, without any message.
	maxCookieName   = 24
	maxDomainLabels = 12
)

// extraction makes text from a part of a request with a pattern. Envoy compiles a pattern at
// each use, which costs more than everything else, so ordinary requests must fail at the
// conditions before it.
type extraction struct {
	// header is the name of the header that is read; empty for the host. If page is set, the
	// path of a GET request is read.
	header string
	page   bool
	// contains are texts that must be in what is read, and domain is its end, perhaps before
	// a port; empty if that does not matter.
	contains []string
	domain   string
	// unless is a header with which nothing is made; empty for none.
	unless string
	// pattern is searched for, and made is the result, with \1 for the first group. If cut is
	// set, the result is what is read without the parameter of that name.
	pattern, made, cut string
	// whole is set if the result is what is read.
	whole bool
	// lua are patterns of Lua, of which at least one matches what is read, between commas, if pattern
	// does. The first group, or else the match, is what pattern's first group is. A program makes the
	// text of them; nil if an expression in CEL does.
	lua []string
}

// ofHost makes a set of the name before the domain. The pattern counts the labels of the
// domain, which is known to be there, since its text would make the pattern large.
func ofHost(p PreviewHost) extraction {
	return extraction{
		domain:  "." + p.Domain,
		pattern: fmt.Sprintf(`^(%s)(?:\.[a-z0-9-]+){%d}(?::[0-9]+)?$`, version, strings.Count(p.Domain, ".")+1),
		made:    grammar.SetName + `:\1`,
	}
}

// wholeHost makes a copy of the host, with its port.
func wholeHost(p PreviewHost) extraction {
	return extraction{
		domain:  "." + p.Domain,
		pattern: fmt.Sprintf(`^(%s(?:\.[a-z0-9-]+){%d}(?::[0-9]+)?)$`, version, strings.Count(p.Domain, ".")+1),
		made:    `\1`,
	}
}

// ofCookie makes a set of a cookie whose value is one name, with "*:" before it or not.
//
// A request may have several lines of cookies, which Envoy joins with commas.
func ofCookie(cookie, header string) extraction {
	return extraction{
		header: "cookie", contains: []string{cookie + "="}, unless: header,
		pattern: cookieBegin(cookie) + `(?:` + star + colon + `)?(` + version + `)` + cookieEnd,
		made:    grammar.SetName + `:\1`,
	}
}

// ofCookieMembers makes members of a cookie whose value is members, each by an extraction of
// its own, since one pattern for all would be too large. A malformed one is not made, and the
// others are, as package grammar reads them. If the first is malformed, an empty element is in
// its place, which recipients ignore (RFC 9110 §5.6.1).
func ofCookieMembers(cookie, header string) []extraction {
	const other = `[!-+\--:<-}]*` // visible ASCII but for ",", ";" and "~"
	const member = `((?:\*|` + service + `)(?:\.` + namespace + `)?)` + colon + `(` + version + `)`
	var out []extraction
	for n := range maxCookieMembers {
		e := extraction{
			header: "cookie", contains: []string{cookie + "="}, unless: header,
			pattern: cookieBegin(cookie) + strings.Repeat(other+separator, n) + member + `(?:` + separator + `|` + cookieEnd + `)`,
			made:    `\1:\2`,
		}
		if n > 0 {
			e.contains = append(e.contains, separator)
			e.made = "," + e.made
		}
		out = append(out, e)
	}
	return out
}

func cookieBegin(cookie string) string { return `(?:^|[;,])[ \t]*` + regexp.QuoteMeta(cookie) + `=` }

const cookieEnd = `[ \t]*(?:[;,]|$)`

// ofBaggage makes a baggage without any override if some member is one. The pattern is
// the part of [grammar.AnyBaggagePattern] between what may stand before and after it: it is
// searched for, and so finds an override beside bytes that are not UTF-8.
func ofBaggage() extraction {
	member := strings.TrimSuffix(strings.TrimPrefix(grammar.AnyBaggagePattern, `(?:.*,)?`), `.*`)
	return extraction{
		header: grammar.BaggageHeader, contains: []string{"override"}, pattern: `(?:^|,)` + member, made: "overrides=removed",
		lua: []string{`,[ \t]*override%.`, `,[ \t]*override[ \t]*=`},
	}
}

// ValidateCookie returns an error unless name can be the name of the cookie.
func ValidateCookie(name string) error {
	if len(name) > maxCookieName || !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(name) {
		return fmt.Errorf("%q is not the name of a cookie: use letters, digits, \".\", \"_\" and \"-\", at most %d", name, maxCookieName)
	}
	return nil
}
