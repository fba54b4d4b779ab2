package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

func anyRequest() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

// routeMatch translates one alternative. The caller and the port are known now: an
// alternative for another caller is impossible, and a condition that holds needs no
// matcher. istiod does the same.
func routeMatch(m *route.Match, port uint32, caller *route.Caller) (*routev3.RouteMatch, bool) {
	if (m.Port != 0 && m.Port != port) ||
		(m.SourceNamespace != "" && m.SourceNamespace != caller.Namespace) ||
		!model.HasLabels(caller.Labels, m.SourceLabels) {
		return nil, false
	}
	out := anyRequest()
	if m.Method != nil {
		out.Headers = append(out.Headers, headerMatcher(":method", *m.Method))
	}
	for _, want := range m.Headers {
		out.Headers = append(out.Headers, headerMatcher(want.Name, want.StringMatch))
	}
	for _, unwanted := range m.WithoutHeaders {
		matcher := headerMatcher(unwanted.Name, unwanted.StringMatch)
		matcher.InvertMatch = true
		matcher.TreatMissingHeaderAsEmpty = unwanted.Op != route.Present
		out.Headers = append(out.Headers, matcher)
	}
	return out, true
}

func headerMatcher(name string, m route.StringMatch) *routev3.HeaderMatcher {
	out := &routev3.HeaderMatcher{Name: name}
	text := &matcherv3.StringMatcher{}
	switch m.Op {
	case route.Present:
		out.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
		return out
	case route.Exact:
		text.MatchPattern = &matcherv3.StringMatcher_Exact{Exact: m.Value}
	case route.Prefix, route.PathPrefix: // the latter is in HTTPRoutes only
		text.MatchPattern = &matcherv3.StringMatcher_Prefix{Prefix: m.Value}
	case route.Regex:
		text.MatchPattern = &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: m.Value}}
	}
	out.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: text}
	return out
}
