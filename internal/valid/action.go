package valid

import (
	"slices"
	"strconv"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// destinations follows validation.go: validateHTTPRouteDestinations.
func (c *Checker) destinations(at *path, destinations []*istioapi.HTTPRouteDestination) {
	total := int32(0)
	for i, d := range destinations {
		here := at.at("route", i)
		if d == nil {
			c.add(&here, "it must not be null")
			continue
		}
		if d.GetDestination() == nil {
			c.add(&here, "there is no destination")
		}
		c.headerOperations(&here, d.GetHeaders())
		field := here.field("destination")
		c.destination(&field, d.GetDestination())
		c.weight(&here, d.GetWeight())
		total += d.GetWeight()
	}
	if len(destinations) > 1 && total == 0 {
		c.add(at, "the weights of all destinations are 0")
	}
}

// weight follows validation.go: validateWeight.
func (c *Checker) weight(at *path, weight int32) {
	if weight < 0 {
		here := at.field("weight")
		c.add(&here, "%d is less than 0", weight)
	}
}

// destination follows validation.go: validateDestination.
func (c *Checker) destination(at *path, d *istioapi.Destination) {
	if d == nil {
		return
	}
	why := badDomain(d.GetHost())
	if d.GetHost() == "*" {
		why = "the host * can't be a destination"
	}
	if why != "" {
		here := at.field("host")
		c.add(&here, "%s", why)
	}
	if s := d.GetSubset(); s != "" && !isLabel(s) {
		here := at.field("subset")
		c.add(&here, "%q is not a subset name", s)
	}
	if d.GetPort() != nil {
		here := at.field("port")
		c.port(&here, d.GetPort().GetNumber())
	}
}

// mirrors follows virtualservice.go: validateHTTPRoute, and validation.go:
// validateHTTPMirrors.
func (c *Checker) mirrors(at *path, r *istioapi.HTTPRoute) {
	if r.GetMirror() != nil {
		here := at.field("mirror")
		c.destination(&here, r.GetMirror())
	}
	if p := r.GetMirrorPercent(); p != nil && p.GetValue() > 100 { //nolint:staticcheck // deprecated, and still followed by Istio
		here := at.field("mirrorPercent")
		c.add(&here, "%d is more than 100", p.GetValue())
	}
	c.mirrorShare(at, "mirrorPercentage", r.GetMirrorPercentage())
	for i, m := range r.GetMirrors() {
		here := at.at("mirrors", i)
		if m.GetDestination() == nil {
			c.add(&here, "there is no destination")
			continue
		}
		field := here.field("destination")
		c.destination(&field, m.GetDestination())
		c.mirrorShare(&here, "percentage", m.GetPercentage())
	}
}

func (c *Checker) mirrorShare(at *path, field string, p *istioapi.Percent) {
	if p == nil {
		return
	}
	here := at.field(field)
	if v := p.GetValue(); v < 0 || v > 100 {
		c.add(&here, "%v is not between 0 and 100", v)
	}
	c.finite(&here, p.GetValue())
}

// retries follows validation.go: validateHTTPRetry.
func (c *Checker) retries(at *path, r *istioapi.HTTPRetry) {
	if r == nil {
		return
	}
	retries := at.field("retries")
	switch {
	case r.GetAttempts() < 0:
		c.add(&retries, "attempts is less than 0")
	case r.GetAttempts() == 0 && (r.GetPerTryTimeout() != nil || r.GetRetryOn() != "" || r.GetRetryRemoteLocalities() != nil):
		c.add(&retries, "attempts is 0, which means no retries, and there are conditions for them")
	}
	c.optionalDuration(&retries, "perTryTimeout", r.GetPerTryTimeout())
	c.optionalDuration(&retries, "backoff", r.GetBackoff())
	if r.GetRetryOn() == "" {
		return
	}
	for policy := range strings.SplitSeq(r.GetRetryOn(), ",") {
		if !isRetryPolicy(policy) {
			here := retries.field("retryOn")
			c.add(&here, "%q is not a reason to retry", policy)
		}
	}
}

// isRetryPolicy reports whether s is one of validation.go: supportedRetryOnPolicies, or
// the name of an HTTP status.
func isRetryPolicy(s string) bool {
	switch s {
	case "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream",
		"retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure",
		"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable":
		return true
	}
	status, err := strconv.Atoi(s)
	return err == nil && slices.Contains(namedStatuses(), status)
}

// namedStatuses returns the statuses for which net/http has a text.
func namedStatuses() []int {
	return []int{
		100, 101, 102, 103,
		200, 201, 202, 203, 204, 205, 206, 207, 208, 226,
		300, 301, 302, 303, 304, 305, 307, 308,
		400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418,
		421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
		500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
	}
}

// cors follows validation.go: validateCORSPolicy.
func (c *Checker) cors(at *path, p *istioapi.CorsPolicy) {
	if p == nil {
		return
	}
	cors := at.field("corsPolicy")
	for i, origin := range p.GetAllowOrigins() {
		here := cors.at("allowOrigins", i)
		if origin.GetExact() == "" && origin.GetPrefix() == "" && origin.GetRegex() == "" {
			c.add(&here, "an origin must not be empty")
			continue
		}
		c.stringRegex(&here, origin)
	}
	for i, method := range p.GetAllowMethods() {
		switch method {
		case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*":
		default:
			here := cors.at("allowMethods", i)
			c.add(&here, "%q is not an HTTP method", method)
		}
	}
	for _, f := range [...]struct {
		name  string
		names []string
	}{{"allowHeaders", p.GetAllowHeaders()}, {"exposeHeaders", p.GetExposeHeaders()}} {
		for i, name := range f.names {
			if !isToken(name) {
				here := cors.at(f.name, i)
				c.add(&here, "%q is not a header name", name)
			}
		}
	}
	c.optionalDuration(&cors, "maxAge", p.GetMaxAge())
	if p.GetMaxAge().GetNanos() > 0 {
		here := cors.field("maxAge")
		c.add(&here, "it must be of whole seconds")
	}
	c.enum(&cors, "unmatchedPreflights", p.GetUnmatchedPreflights())
}

// redirect follows validation.go: validateHTTPRedirect.
func (c *Checker) redirect(at *path, r *istioapi.HTTPRedirect, matches []*istioapi.HTTPMatchRequest) {
	if r == nil {
		return
	}
	here := at.field("redirect")
	switch code := r.GetRedirectCode(); {
	case r.GetUri() != "" && r.GetPrefixRewrite() != "":
		c.add(&here, "uri and prefixRewrite can't be combined")
	case r.GetPrefixRewrite() != "" && slices.ContainsFunc(matches, notByPrefix):
		c.add(&here, "with prefixRewrite the paths of all matches must be prefixes")
	case r.GetUri() == "" && r.GetPrefixRewrite() == "" && r.GetAuthority() == "" && r.GetRedirectPort() == nil && r.GetScheme() == "":
		c.add(&here, "none of uri, authority, scheme and port is set")
	case code != 0 && (code < 300 || code > 399):
		c.add(&here, "%d is not a redirect status", code)
	case r.GetScheme() != "" && r.GetScheme() != "http" && r.GetScheme() != "https":
		c.add(&here, "%q is neither http nor https", r.GetScheme())
	case r.GetPort() > 0:
		c.port(&here, r.GetPort())
	}
	if derived, ok := r.GetRedirectPort().(*istioapi.HTTPRedirect_DerivePort); ok {
		c.enum(&here, "derivePort", derived.DerivePort)
	}
}

func notByPrefix(m *istioapi.HTTPMatchRequest) bool {
	_, prefix := m.GetUri().GetMatchType().(*istioapi.StringMatch_Prefix)
	return m.GetUri() != nil && !prefix
}

// directResponse follows validation.go: validateHTTPDirectResponse.
func (c *Checker) directResponse(at *path, r *istioapi.HTTPDirectResponse) {
	const mb = 1 << 20
	if r == nil {
		return
	}
	here := at.field("directResponse")
	if len(r.GetBody().GetString_()) > mb || len(r.GetBody().GetBytes()) > mb {
		c.add(&here, "its body is larger than 1 MB")
	}
	if body, ok := r.GetBody().GetSpecifier().(*istioapi.HTTPBody_Bytes); ok && len(body.Bytes) == 0 {
		body := here.field("body")
		c.addSchema(&body, "bytes must not be empty")
	}
	c.status(&here, int32(r.GetStatus())) //nolint:gosec // Istio does the same
}

// status follows validation.go: validateHTTPStatus.
func (c *Checker) status(at *path, status int32) {
	if status < 200 || status > 600 {
		c.add(at, "%d is not an HTTP status", status)
	}
}

// rewrite follows validation.go: validateHTTPRewrite.
func (c *Checker) rewrite(at *path, r *istioapi.HTTPRewrite) {
	if r == nil {
		return
	}
	here := at.field("rewrite")
	regex := r.GetUriRegexRewrite()
	switch {
	case r.GetUri() != "" && regex != nil:
		c.add(&here, "uri and uriRegexRewrite can't be combined")
	case r.GetUri() == "" && regex == nil && r.GetAuthority() == "":
		c.add(&here, "none of uri, uriRegexRewrite and authority is set")
	case regex != nil && (regex.GetMatch() == "" || regex.GetRewrite() == ""):
		c.add(&here, "uriRegexRewrite needs match and rewrite")
	case regex != nil:
		field := here.field("uriRegexRewrite")
		c.regex(&field, regex.GetMatch())
	}
}

// authority follows virtualservice.go: validateAuthorityRewrite. The authority may be set
// only once. Istio ignores empty values if they come first; here two values of which one
// is empty are refused in any order.
func (c *Checker) authority(at *path, r *istioapi.HTTPRewrite, headers *istioapi.Headers) {
	if headers == nil {
		return
	}
	changed := r.GetAuthority() != ""
	for _, values := range [...]map[string]string{headers.GetRequest().GetSet(), headers.GetRequest().GetAdd()} {
		times, filled := 0, false
		for name, value := range values {
			if isAuthority(name) {
				times++
				filled = filled || value != ""
			}
		}
		if (changed && times > 0) || (filled && times > 1) {
			c.add(at, "the authority is changed more than once")
			return
		}
		changed = changed || filled
	}
}
