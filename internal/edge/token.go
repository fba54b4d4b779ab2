package edge

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/token"
)

// Tokens says which override tokens a gateway accepts, and where it finds them.
//
// A filter of its own makes the override header of the claim "override" of each valid token, and
// another one of its ID, by which routes know whether its grant is live. It lets requests without a
// valid token pass, so an expired cookie never fails an ordinary request. It stands in front of all
// filters of others, so that guards see the header.
type Tokens struct {
	token.Expected

	// Keys are the public keys, or else KeysFrom serves them.
	Keys     *token.KeySet
	KeysFrom *KeyService
	// Cookie is the name of the cookie; empty for none.
	Cookie string
	// Link asks for routes that answer links by setting the cookie.
	Link bool
	// Member is the key of a member of baggage with a token, which counts where no header has one;
	// empty for none.
	Member string
	// Users says which tokens in the header authorization are accepted; nil for none. Only keys and
	// expectations of it count.
	Users *Tokens
}

// KeyService serves keys to proxies by HTTP.
type KeyService struct {
	// Host is the Service as the mesh knows it.
	Host string
	Port int32
	Path string
}

const (
	tokenFilter = "overrides.token"
	linkFilter  = "overrides.link"
	// keysTimeout limits a fetch of the keys, keysAge is the time between two. A token that was
	// checked is remembered until it expires, even if its key is no longer served.
	keysTimeout, keysAge = 2 * time.Second, 5 * time.Second
	// cachedTokens is how many checked tokens a proxy remembers.
	cachedTokens = 1000
)

// linkHeader has the token of a link, and linkPathHeader the page that it leads to. They exist
// within the gateway only.
func linkHeader(carrier string) string     { return carrier + "-link" }
func linkPathHeader(carrier string) string { return carrier + "-link-path" }

// mutations are the changes of a request's headers before its token is checked.
func (k *Tokens) mutations(carrier string) []mutation {
	var out []mutation
	if k.Cookie != "" {
		out = append(out, mutation{grammar.TokenHeader(carrier), addMissing, []extraction{ofTokenCookie(k.Cookie)}})
	}
	if k.Link {
		out = append(
			out,
			mutation{header: linkHeader(carrier), action: remove},
			mutation{header: linkPathHeader(carrier), action: remove},
		)
		out = append(out, linkMutations(carrier)...)
	}
	return out
}

// linkMutations are the changes of the headers of a link, at its routes.
func linkMutations(carrier string) []mutation {
	parameter := grammar.TokenHeader(carrier)
	return []mutation{
		{linkHeader(carrier), add, []extraction{ofTokenLink(parameter), ofEmptyLink(parameter)}},
		{linkPathHeader(carrier), add, []extraction{pathOfLink(parameter)}},
	}
}

// tokenText is a token: the header of a JWT begins with "{", and so the token with "eyJ".
const tokenText = `(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)`

// tokenInLua is tokenText in Lua.
const tokenInLua = `(eyJ[%w_-]+%.[%w_-]+%.[%w_-]+)`

// ofTokenCookie makes the token in a cookie.
func ofTokenCookie(cookie string) extraction {
	return extraction{
		header: "cookie", contains: []string{cookie + "=eyJ"}, pattern: cookieBegin(cookie) + tokenText + cookieEnd, made: `\1`,
		lua: []string{`[;,][ \t]*` + inLua(cookie) + `=` + tokenInLua + `[ \t]*[;,]`},
	}
}

// ofTokenMember makes the token in a member of baggage. A request may have several lines, which
// Envoy joins with commas.
func ofTokenMember(key string) extraction {
	return extraction{
		header: grammar.BaggageHeader, contains: []string{key, "eyJ"},
		pattern: `(?:^|,)[ \t]*` + regexp.QuoteMeta(key) + `[ \t]*=[ \t]*` + tokenText + `[ \t]*(?:[;,]|$)`, made: `\1`,
		lua: []string{`,[ \t]*` + inLua(key) + `[ \t]*=[ \t]*` + tokenInLua + `[ \t]*[;,]`},
	}
}

// clearing stands for an empty parameter, which clears the cookie.
const clearing = "clear"

// ofTokenLink makes the token in a parameter, ofEmptyLink a sign of an empty one.
func ofTokenLink(parameter string) extraction {
	return extraction{page: true, contains: []string{parameter + "=eyJ"}, pattern: `[?&]` + parameter + `=` + tokenText + `(?:&|$)`, made: `\1`}
}

func ofEmptyLink(parameter string) extraction {
	return extraction{page: true, contains: []string{parameter + "="}, pattern: `[?&]` + parameter + `=(?:&|$)`, made: clearing}
}

// pathOfLink makes the path without the parameter.
func pathOfLink(parameter string) extraction {
	return extraction{page: true, contains: []string{parameter + "="}, cut: parameter}
}

// linkRoutes are the routes that answer links. They make the headers of a link, and take the parameter
// out of the path. Other filters may have Envoy choose a route again: then a link is known by its header.
func (k *Tokens) linkRoutes(carrier string) ([]linkRoute, error) {
	parameter := grammar.TokenHeader(carrier)
	change := &headerv3.Mutations{QueryParameterMutations: []*corev3.KeyValueMutation{{Remove: parameter}}}
	for _, m := range linkMutations(carrier) {
		change.RequestMutations = append(change.RequestMutations, m.encode())
	}
	config, err := anypb.New(&headerv3.HeaderMutationPerRoute{Mutations: change})
	if err != nil {
		return nil, err
	}
	filters := map[string]*anypb.Any{linkFilter: config}
	location := "%REQ(" + linkPathHeader(carrier) + ")%"
	var out []linkRoute
	for _, kind := range []struct {
		linkRoute
		of     extraction
		header *matcherv3.StringMatcher
	}{
		{linkRoute{name: "overrides.link.clear"}, ofEmptyLink(parameter), &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: clearing}}},
		{
			linkRoute{name: "overrides.link", value: "%REQ(" + linkHeader(carrier) + ")%", age: linkAge},
			ofTokenLink(parameter),
			&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "eyJ"}},
		},
	} {
		again := kind.linkRoute
		again.cookie, again.location = k.Cookie, location
		again.match = &routev3.RouteMatch{Headers: []*routev3.HeaderMatcher{headerIs(linkHeader(carrier), kind.header)}}
		first := again
		first.match, first.filters = kind.of.inPath(), filters
		out = append(out, again, first)
	}
	return out, nil
}

// inPath matches requests of which e makes something of the path.
func (e *extraction) inPath() *routev3.RouteMatch {
	out := &routev3.RouteMatch{}
	for _, text := range e.contains {
		out.Headers = append(out.Headers, headerIs(":path", &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Contains{Contains: text}}))
	}
	// RE2 compares all of the path here. Unlike ".", its "\C" is any byte, also one that is not UTF-8.
	whole := &matcherv3.RegexMatcher{Regex: `\C*` + e.pattern + `\C*`}
	out.Headers = append(out.Headers, headerIs(":path", &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: whole}}))
	return out
}

// validate returns an error if the parts don't fit together.
func (k *Tokens) validate() error {
	var errs []error
	if k.Cookie != "" {
		errs = append(errs, ValidateCookie(k.Cookie))
	} else if k.Link {
		errs = append(errs, errors.New("links need a cookie: they set it"))
	}
	if (k.Keys == nil) == (k.KeysFrom == nil) {
		errs = append(errs, errors.New("exactly one of public keys and a Service with them is needed"))
	}
	if k.MaxLifetime < time.Second {
		errs = append(errs, fmt.Errorf("the longest lifetime %v is shorter than a second", k.MaxLifetime))
	}
	return errors.Join(errs...)
}

// filters returns the filters that check tokens and answer links. Each is inserted in front of
// the ones before it.
func (k *Tokens) filters(carrier string, context istioapi.EnvoyFilter_PatchContext) ([]*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	check, err := k.check(carrier)
	if err != nil {
		return nil, err
	}
	first, err := HTTPFilter(context, tokenFilter, check, "")
	if err != nil || !k.Link {
		return []*istioapi.EnvoyFilter_EnvoyConfigObjectPatch{first}, err
	}
	// It does nothing but at the routes of links.
	second, err := HTTPFilter(context, linkFilter, &headerv3.HeaderMutation{Mutations: &headerv3.Mutations{}}, "")
	return []*istioapi.EnvoyFilter_EnvoyConfigObjectPatch{first, second}, err
}

// check returns the filter that makes the override header of the first valid token. It refuses no
// request.
func (k *Tokens) check(carrier string) (*jwtv3.JwtAuthentication, error) {
	out := &jwtv3.JwtAuthentication{Providers: map[string]*jwtv3.JwtProvider{}}
	var anyOf []*jwtv3.JwtRequirement
	add := func(name string, tokens *Tokens, from *jwtv3.JwtHeader) error {
		provider, err := tokens.provider(carrier)
		if err != nil {
			return err
		}
		provider.FromHeaders = []*jwtv3.JwtHeader{from}
		out.Providers[name] = provider
		anyOf = append(anyOf, &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_ProviderName{ProviderName: name}})
		return nil
	}
	if err := add("overrides", k, &jwtv3.JwtHeader{Name: grammar.TokenHeader(carrier)}); err != nil {
		return nil, err
	}
	if k.Users != nil {
		if err := add("users", k.Users, &jwtv3.JwtHeader{Name: "authorization", ValuePrefix: "Bearer "}); err != nil {
			return nil, err
		}
	}
	anyOf = append(anyOf, &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_AllowMissingOrFailed{AllowMissingOrFailed: &emptypb.Empty{}}})
	match := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	if k.Users == nil {
		// Other requests pass without any check.
		match.Headers = []*routev3.HeaderMatcher{{Name: grammar.TokenHeader(carrier), HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}}
	}
	out.Rules = []*jwtv3.RequirementRule{{
		Match: match,
		RequirementType: &jwtv3.RequirementRule_Requires{Requires: &jwtv3.JwtRequirement{
			RequiresType: &jwtv3.JwtRequirement_RequiresAny{RequiresAny: &jwtv3.JwtRequirementOrList{Requirements: anyOf}},
		}},
	}}
	return out, nil
}

// provider says how tokens are checked, and what becomes of their claims.
func (k *Tokens) provider(carrier string) (*jwtv3.JwtProvider, error) {
	out := &jwtv3.JwtProvider{
		Issuer: k.Issuer, Audiences: []string{k.Audience}, RequireExpiration: true, MaxLifetime: durationpb.New(k.MaxLifetime), Forward: true,
		ClaimToHeaders: []*jwtv3.JwtClaimToHeader{
			{HeaderName: carrier, ClaimName: "override"},
			{HeaderName: grammar.TokenIDHeader(carrier), ClaimName: "jti"},
		},
		ClearRouteCache: true, JwtCacheConfig: &jwtv3.JwtCacheConfig{JwtCacheSize: cachedTokens},
	}
	return out, k.setKeys(out)
}

// accept returns what a token says that is accepted at a time. The keys of a Service are not
// known: any signature is accepted.
func (k *Tokens) accept(text string, now time.Time) (*token.Claims, error) {
	if k.Keys == nil {
		return token.Check(text, &k.Expected, now)
	}
	return token.Verify(text, k.Keys, &k.Expected, now)
}

// acceptOfUser is accept for a token of somebody else, which has the claims that a proxy needs and
// perhaps others. It does not check who has signed it.
func (k *Tokens) acceptOfUser(text string, now time.Time) (*token.Claims, error) {
	return token.CheckForeign(text, &k.Expected, now)
}

// setKeys sets where a provider has its keys.
func (k *Tokens) setKeys(provider *jwtv3.JwtProvider) error {
	if from := k.KeysFrom; from != nil {
		provider.JwksSourceSpecifier = &jwtv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtv3.RemoteJwks{
			HttpUri: &corev3.HttpUri{
				Uri:              fmt.Sprintf("http://%s:%d%s", from.Host, from.Port, from.Path),
				HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: fmt.Sprintf("outbound|%d||%s", from.Port, from.Host)},
				Timeout:          durationpb.New(keysTimeout),
			},
			// A proxy does not wait for the keys: without them no token is valid.
			CacheDuration: durationpb.New(keysAge), AsyncFetch: &jwtv3.JwksAsyncFetch{FastListener: true},
		}}
		return nil
	}
	text, err := k.Keys.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	provider.JwksSourceSpecifier = &jwtv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: string(text)}}}
	return nil
}

// tokensOf returns what a policy says about tokens.
func tokensOf(rule *v1alpha1.TokenRule, options *model.Options) (*Tokens, error) {
	accepted, err := model.AcceptedBy(&rule.ValidTokens)
	if err != nil {
		return &Tokens{Expected: expected(&accepted)}, err
	}
	out, err := tokensIn(&accepted, options)
	if rule.Cookie != nil {
		out.Cookie, out.Link = *rule.Cookie, rule.Link != nil && *rule.Link
	}
	return out, err
}

// TokensOf returns what a rule for sidecars says about tokens. Only a bug is an error.
func TokensOf(rule *model.TokenRule, options *model.Options) (*Tokens, error) {
	out, err := tokensIn(&rule.Tokens, options)
	if err != nil {
		return nil, err
	}
	if out.Member = rule.Member; rule.Users != nil {
		out.Users, err = tokensIn(rule.Users, options)
	}
	return out, err
}

func expected(accepted *model.AcceptedTokens) token.Expected {
	return token.Expected{Issuer: accepted.Issuer, Audience: accepted.Audience, MaxLifetime: accepted.MaxLifetime}
}

func tokensIn(accepted *model.AcceptedTokens, options *model.Options) (*Tokens, error) {
	out := &Tokens{Expected: expected(accepted)}
	if from := accepted.KeysFrom; accepted.Keys == "" {
		out.KeysFrom = &KeyService{Host: options.FQDN(from.Name, from.Namespace), Port: from.Port, Path: from.Path}
		return out, nil
	}
	keys, err := token.ParseUserKeySet([]byte(accepted.Keys)) // which were checked when they were read
	out.Keys = keys
	return out, err
}
