package oracle

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// This file implements Envoy's route matching (source/common/router/config_impl.cc and
// config_utility.cc, source/common/http/header_utility.cc), for the routes that istiod
// writes for sidecars. It shares no code with Overrides' own evaluation, so that the two
// can be compared.

// virtualHost returns the one whose domains match authority best: an exact one, the
// longest "*.suffix", the longest "prefix.*", "*"; nil for none.
func virtualHost(routes *routev3.RouteConfiguration, authority string) *routev3.VirtualHost {
	host := strings.ToLower(authority)
	if routes.IgnorePortInHostMatching {
		host = stripPort(host)
	}
	var best *routev3.VirtualHost
	bestRank, bestLength := 0, 0
	for _, candidate := range routes.VirtualHosts {
		for _, domain := range candidate.Domains {
			rank := domainRank(strings.ToLower(domain), host)
			if rank > bestRank || rank == bestRank && rank > 0 && len(domain) > bestLength {
				best, bestRank, bestLength = candidate, rank, len(domain)
			}
		}
	}
	return best
}

// domainRank ranks how well domain matches host, 0 for not at all. A wildcard matches at
// least one character.
func domainRank(domain, host string) int {
	switch {
	case domain == "*":
		return 1
	case strings.HasPrefix(domain, "*"):
		if len(host) >= len(domain) && strings.HasSuffix(host, domain[1:]) {
			return 3
		}
	case strings.HasSuffix(domain, "*"):
		if len(host) >= len(domain) && strings.HasPrefix(host, domain[:len(domain)-1]) {
			return 2
		}
	case domain == host:
		return 4
	}
	return 0
}

func stripPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.LastIndexByte(host, ']') > i || strings.Trim(host[i+1:], "0123456789") != "" {
		return host
	}
	return host[:i]
}

// matches reports whether request satisfies all of match.
func matches(match *routev3.RouteMatch, request *Request) bool {
	return matchesPath(match, request.Path) &&
		!slices.ContainsFunc(match.Headers, func(h *routev3.HeaderMatcher) bool { return !matchesHeader(h, request) }) &&
		!slices.ContainsFunc(match.QueryParameters, func(q *routev3.QueryParameterMatcher) bool { return !matchesQuery(q, request.Path) }) &&
		len(match.DynamicMetadata) == 0 // claims of a token: no sidecar has any
}

func matchesPath(match *routev3.RouteMatch, path string) bool {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	fold := func(s string) string { return s }
	if match.CaseSensitive != nil && !match.CaseSensitive.Value {
		fold = strings.ToLower
	}
	switch want := match.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		return strings.HasPrefix(fold(path), fold(want.Prefix))
	case *routev3.RouteMatch_Path:
		return fold(path) == fold(want.Path)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		rest, ok := strings.CutPrefix(fold(path), fold(want.PathSeparatedPrefix))
		return ok && (rest == "" || rest[0] == '/')
	case *routev3.RouteMatch_SafeRegex:
		return fullMatch(want.SafeRegex.GetRegex(), path)
	}
	return false
}

func matchesHeader(want *routev3.HeaderMatcher, request *Request) bool {
	value, ok := headerValue(want.Name, request)
	if present, is := want.HeaderMatchSpecifier.(*routev3.HeaderMatcher_PresentMatch); is {
		return (ok == present.PresentMatch) != want.InvertMatch
	}
	if !ok && !want.TreatMissingHeaderAsEmpty {
		return false // inverted or not
	}
	specifier, is := want.HeaderMatchSpecifier.(*routev3.HeaderMatcher_StringMatch)
	if !is {
		return ok != want.InvertMatch // no specifier asks for presence
	}
	return matchesString(specifier.StringMatch, value) != want.InvertMatch
}

// headerValue joins the lines of one header with commas without spaces.
func headerValue(name string, request *Request) (string, bool) {
	switch name = strings.ToLower(name); name {
	case ":method":
		return request.Method, true
	case ":scheme":
		return request.Scheme, true
	case ":path":
		return request.Path, true
	case ":authority", "host":
		return request.Authority, true
	}
	lines, ok := request.Header[name]
	return strings.Join(lines, ","), ok && len(lines) > 0
}

// matchesQuery compares the first parameter of the name, undecoded.
func matchesQuery(want *routev3.QueryParameterMatcher, path string) bool {
	_, query, _ := strings.Cut(path, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != want.Name || pair == "" {
			continue
		}
		specifier, is := want.QueryParameterMatchSpecifier.(*routev3.QueryParameterMatcher_StringMatch)
		return !is || matchesString(specifier.StringMatch, value)
	}
	return false
}

func matchesString(want *matcherv3.StringMatcher, value string) bool {
	fold := func(s string) string { return s }
	if want.IgnoreCase {
		fold = strings.ToLower
	}
	switch pattern := want.MatchPattern.(type) {
	case *matcherv3.StringMatcher_Exact:
		return fold(value) == fold(pattern.Exact)
	case *matcherv3.StringMatcher_Prefix:
		return strings.HasPrefix(fold(value), fold(pattern.Prefix))
	case *matcherv3.StringMatcher_Suffix:
		return strings.HasSuffix(fold(value), fold(pattern.Suffix))
	case *matcherv3.StringMatcher_Contains:
		return strings.Contains(fold(value), fold(pattern.Contains))
	case *matcherv3.StringMatcher_SafeRegex:
		return fullMatch(pattern.SafeRegex.GetRegex(), value)
	}
	return false
}

// compiled caches regular expressions, which tests use repeatedly.
var compiled sync.Map

// fullMatch is RE2::FullMatch in its default encoding, in which no pattern matches bytes
// that are not UTF-8.
func fullMatch(pattern, value string) bool {
	re, ok := compiled.Load(pattern)
	if !ok {
		parsed, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
		if err != nil {
			parsed = nil
		}
		re, _ = compiled.LoadOrStore(pattern, parsed)
	}
	parsed, _ := re.(*regexp.Regexp)
	return parsed != nil && utf8.ValidString(value) && parsed.MatchString(value)
}
