package valid

import (
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// match follows virtualservice.go: validateHTTPRouteMatchRequest.
func (c *Checker) match(at *path, m *istioapi.HTTPMatchRequest) {
	for name, want := range m.GetHeaders() {
		here := at.under("headers", name)
		if want == nil {
			c.add(&here, "it must not be null")
		}
		c.matchedName(&here, name)
		c.stringMatch(&here, want)
	}
	for name, want := range m.GetWithoutHeaders() {
		here := at.under("withoutHeaders", name)
		c.matchedName(&here, name)
		// "*" is not a regular expression, but means that the header is present.
		if want.GetRegex() != "*" {
			c.stringMatch(&here, want)
		}
	}
	for name, want := range m.GetQueryParams() {
		here := at.under("queryParams", name)
		c.stringMatch(&here, want)
	}
	if m.GetUri() != nil {
		here := at.field("uri")
		c.stringRegex(&here, m.GetUri())
	}
	for _, f := range [...]struct {
		name string
		want *istioapi.StringMatch
	}{{"scheme", m.GetScheme()}, {"method", m.GetMethod()}, {"authority", m.GetAuthority()}} {
		if f.want != nil {
			here := at.field(f.name)
			c.stringMatch(&here, f.want)
		}
	}
	c.matchedCaller(at, m.GetPort(), m.GetSourceLabels(), m.GetGateways())
	if n := m.GetSourceNamespace(); n != "" && !isLabel(n) {
		here := at.field("sourceNamespace")
		c.add(&here, "%q is not a namespace", n)
	}
}

// matchedCaller checks the common parts of matches of HTTP, TLS and TCP routes.
func (c *Checker) matchedCaller(at *path, port uint32, labels map[string]string, gateways []string) {
	if port != 0 {
		here := at.field("port")
		c.port(&here, port)
	}
	c.labels(at, "sourceLabels", labels)
	c.gateways(at, gateways)
}

// matchedName follows validation.go: ValidateHTTPHeaderNameOrJwtClaimRoute. From
// ValidateVirtualService it takes the rule that claims of tokens can only be matched at
// gateways.
func (c *Checker) matchedName(at *path, name string) {
	switch {
	case isToken(name):
	case isClaim(name):
		if c.forMesh {
			c.add(at, "claims can only be matched at gateways")
		}
	case name == ":method", name == ":scheme", name == ":authority", name == ":path", name == ":status":
	default:
		c.add(at, "%q is not a header name", name)
	}
}

// isClaim follows pkg/jwt: ToRoutingClaim.
func isClaim(name string) bool {
	const prefix = "@request.auth.claims"
	if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
		return false
	}
	rest := name[len(prefix):]
	return len(rest) > 1 && rest[0] == '.' || len(rest) > 2 && rest[0] == '[' && rest[len(rest)-1] == ']'
}

// stringMatch follows validation.go: validateStringMatch.
func (c *Checker) stringMatch(at *path, m *istioapi.StringMatch) {
	if prefix, ok := m.GetMatchType().(*istioapi.StringMatch_Prefix); ok && prefix.Prefix == "" {
		c.add(at, "a prefix must not be empty")
	}
	c.stringRegex(at, m)
}

// stringRegex follows validation.go: validateStringMatchRegexp.
func (c *Checker) stringRegex(at *path, m *istioapi.StringMatch) {
	regex, ok := m.GetMatchType().(*istioapi.StringMatch_Regex)
	switch {
	case !ok:
	case regex.Regex == "":
		c.add(at, "a regular expression must not be empty")
	default:
		c.regex(at, regex.Regex)
	}
}
