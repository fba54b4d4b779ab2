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
	// encodes ":", others "*" and "~" too.
	star, colon, tilde = `(?:\*|%2[Aa])`, `(?::|%3[Aa])`, `(?:~|%7[Ee])`

	// maxCookieMembers is how many members a cookie may have. A set has no limit.
	maxCookieMembers = 3
)

// extraction makes text from a part of a request with a pattern.
type extraction struct {
	// header is the name of the header that is read; empty for the host.
	header string
	// contains are texts that the header must contain. Envoy compiles a pattern at each use,
	// which costs more than everything else, so ordinary requests must not get there.
	contains []string
	// unless is a header with which nothing is made; empty for none.
	unless string
	// pattern is searched for, and made is the result, with \1 for the first group.
	pattern, made string
}

// ofHost makes a set of the name before the domain.
func ofHost(p PreviewHost) extraction {
	suffix := "." + p.Domain
	return extraction{
		contains: []string{suffix},
		pattern:  `^(` + version + `)` + regexp.QuoteMeta(suffix) + `(?::[0-9]+)?$`,
		made:     grammar.SetName + `:\1`,
	}
}

// ofCookie makes members of the value of a cookie: first of those that are one name, then
// of those that are members. At most one of the results applies to a request, since each
// needs the header to be absent.
//
// A request may have several lines of cookies, which Envoy joins with commas.
func ofCookie(cookie, header string) []extraction {
	e := extraction{header: "cookie", contains: []string{cookie + "="}, unless: header}
	begin, end := `(?:^|[;,])[ \t]*`+regexp.QuoteMeta(cookie)+`=`, `[ \t]*(?:[;,]|$)`
	set := e
	set.pattern = begin + `(?:` + star + colon + `)?(` + version + `)` + end
	set.made = grammar.SetName + `:\1`
	out := []extraction{set}
	var pattern, made []string
	for n := range maxCookieMembers {
		pattern = append(pattern, `((?:\*|`+service+`)(?:\.`+namespace+`)?)`+colon+`(`+version+`)`)
		made = append(made, fmt.Sprintf(`\%d:\%d`, 2*n+1, 2*n+2))
		members := e
		members.pattern, members.made = begin+strings.Join(pattern, tilde)+end, strings.Join(made, ",")
		out = append(out, members)
	}
	return out
}

// ofBaggage makes a baggage without any override if some member is one. The pattern is
// the part of [grammar.AnyBaggagePattern] between what may stand before and after it: it is
// searched for, and so finds an override beside bytes that are not UTF-8.
func ofBaggage() extraction {
	member := strings.TrimSuffix(strings.TrimPrefix(grammar.AnyBaggagePattern, `(?:.*,)?`), `.*`)
	return extraction{header: grammar.BaggageHeader, contains: []string{"override"}, pattern: `(?:^|,)` + member, made: "overrides=removed"}
}

// ValidateCookie returns an error unless name can be the name of the cookie.
func ValidateCookie(name string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(name) {
		return fmt.Errorf("%q is not the name of a cookie: use letters, digits, \".\", \"_\" and \"-\"", name)
	}
	return nil
}
