package edge

import (
	"fmt"
	"regexp"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	istioapi "istio.io/api/networking/v1alpha3"
)

// A link is a request for any page with the parameter of the override header's name. The
// gateway answers it with the cookie, and leads to the page without the parameter:
//
//	GET https://shop.example.com/cart?a=1&x-override=pr-118
//	303 Location: https://shop.example.com/cart?a=1
//	    Set-Cookie: x-override=pr-118; …
//
// An empty value clears the cookie. What is no value of the cookie is no link, and goes on as
// any other request does.
const (
	// linkValue is what may be in a cookie; whether it means anything, the cookie decides.
	// Envoy compares the value as the URL has it, and writes it into the cookie decoded: what
	// is encoded may only be what may be in a cookie.
	linkValue = `(?:[A-Za-z0-9*._:~-]|%2[Aa]|%3[Aa])+`
	// linkAge is how long browsers keep the cookie, in seconds: a working day.
	linkAge = 8 * 60 * 60
)

// links returns the routes that answer links, for all hosts of the gateway: of the route
// configuration, whose change cuts no stream.
func (m *maker) links() ([]*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	routes, err := m.linkRoutes()
	if err != nil {
		return nil, err
	}
	var out []*istioapi.EnvoyFilter_EnvoyConfigObjectPatch
	for i := range routes {
		patch, err := routes[i].patch()
		if err != nil {
			return nil, err
		}
		out = append(out, patch)
	}
	return out, nil
}

// linkRoutes are the routes of links with names, or else with tokens.
func (m *maker) linkRoutes() ([]linkRoute, error) {
	parameter := m.snapshot.Options.Header
	if m.Tokens != nil {
		return m.Tokens.linkRoutes(parameter)
	}
	location := "%CEL(" + withoutParameter(parameter) + ")%"
	return []linkRoute{
		{
			name: "overrides.link", cookie: m.Cookie, value: "%QUERY_PARAM(" + parameter + ")%", age: linkAge, location: location,
			match: hasParameter(parameter, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: linkValue}}}),
		},
		{
			name: "overrides.link.clear", cookie: m.Cookie, location: location,
			match: hasParameter(parameter, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{}}),
		},
	}, nil
}

func hasParameter(name string, value *matcherv3.StringMatcher) *routev3.RouteMatch {
	return &routev3.RouteMatch{QueryParameters: []*routev3.QueryParameterMatcher{{
		Name: name, QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_StringMatch{StringMatch: value},
	}}}
}

func headerIs(name string, value *matcherv3.StringMatcher) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: value}}
}

// linkRoute is a route that answers GET requests for links.
type linkRoute struct {
	name  string
	match *routev3.RouteMatch
	// cookie gets a value, for an age in seconds.
	cookie, value string
	age           int
	// location is the page that it leads to, a path.
	location string
	// filters configures filters for its requests, by their names.
	filters map[string]*anypb.Any
}

// patch puts the route in front of all others.
func (l *linkRoute) patch() (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	l.match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/"}
	l.match.Headers = append([]*routev3.HeaderMatcher{headerIs(":method", &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "GET"},
	})}, l.match.Headers...)
	patch, err := asStruct(&routev3.Route{
		Name: l.name, Match: l.match, TypedPerFilterConfig: l.filters,
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 303}},
		ResponseHeadersToAdd: []*corev3.HeaderValueOption{
			response("location", "%REQ(X-FORWARDED-PROTO)%://%REQ(:AUTHORITY)%"+l.location),
			response("set-cookie", fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=Lax", l.cookie, l.value, l.age)),
			response("cache-control", "no-store"),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", l.name, err)
	}
	return &istioapi.EnvoyFilter_EnvoyConfigObjectPatch{
		ApplyTo: istioapi.EnvoyFilter_HTTP_ROUTE,
		Match: &istioapi.EnvoyFilter_EnvoyConfigObjectMatch{
			Context: istioapi.EnvoyFilter_GATEWAY,
			Proxy:   &istioapi.EnvoyFilter_ProxyMatch{ProxyVersion: supported},
		},
		Patch: &istioapi.EnvoyFilter_Patch{Operation: istioapi.EnvoyFilter_Patch_INSERT_FIRST, Value: patch},
	}, nil
}

func response(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header: &corev3.HeaderValue{Key: name, Value: value}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// cut is one way to take a parameter out of a path: if the path matches when, what pattern
// makes of it.
type cut struct{ when, pattern, made string }

// cuts are the ways to take the last parameter of a name out of a path, the first that
// matches counts: the only one of a query goes with its "?", the last one with its "&".
func cuts(name string) []cut {
	p := regexp.QuoteMeta(name) + `(?:=[^&]*)?`
	return []cut{
		{`^[^?]*\?` + p + `$`, `^([^?]*)`, `\1`},
		{`&` + p + `$`, `^(.*)&` + p + `$`, `\1`},
		{``, `^(.*[?&])` + p + `&(.*)$`, `\1\2`},
	}
}

// cutParameter returns a path that has a parameter without it.
func cutParameter(path, name string) string {
	for _, c := range cuts(name) {
		if regexp.MustCompile(c.when).MatchString(path) {
			return extract(path, c.pattern, c.made)
		}
	}
	return path
}

// withoutParameter returns the expression of the path without a parameter.
func withoutParameter(name string) string {
	var b strings.Builder
	for _, c := range cuts(name) {
		if c.when != "" {
			b.WriteString("request.path.matches(" + quoted(c.when) + ") ? ")
		}
		b.WriteString("re.extract(request.path, " + quoted(c.pattern) + ", " + quoted(c.made) + ")")
		if c.when != "" {
			b.WriteString(" : ")
		}
	}
	return b.String()
}
