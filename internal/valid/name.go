package valid

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	maxLabel  = 63
	maxDomain = 255
)

// isLabel follows pkg/config/labels: IsDNS1123Label, which also accepts upper case.
func isLabel(s string) bool { return len(s) <= maxLabel && isLabelText(s) }

// isLabelText is [isLabel] without the length limit.
func isLabelText(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

// isWildcardLabel follows pkg/config/labels: IsWildcardDNS1123Label.
func isWildcardLabel(s string) bool {
	if len(s) > maxLabel {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "*"); ok {
		return rest == "" || isLabelText(strings.TrimPrefix(rest, "-"))
	}
	return isLabelText(s)
}

func isAlnum(b byte) bool {
	return b-'0' < 10 || (b|0x20)-'a' < 26 // both wrap around
}

// isQualified reports whether s has only letters, digits, "-", "_" and ".", beginning and
// ending with a letter or digit.
func isQualified(s string) bool {
	if s == "" || !isAlnum(s[0]) || !isAlnum(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if b := s[i]; !isAlnum(b) && b != '-' && b != '_' && b != '.' {
			return false
		}
	}
	return true
}

// isLabelKey follows pkg/config/labels: validateTagKey.
func isLabelKey(s string) bool {
	const maxPrefix = 253
	if prefix, name, ok := strings.Cut(s, "/"); ok {
		if len(prefix) > maxPrefix {
			return false
		}
		for part := range strings.SplitSeq(prefix, ".") {
			if !isLabelText(part) {
				return false
			}
		}
		s = name
	}
	return len(s) <= maxLabel && isQualified(s)
}

// labels follows pkg/config/labels: Instance.Validate. Istio limits keys only.
func (c *Checker) labels(at *path, name string, labels map[string]string) {
	for key, value := range labels {
		here := at.under(name, key)
		if !isLabelKey(key) {
			c.add(&here, "%q is not a label key", key)
		}
		if value != "" && !isQualified(value) {
			c.add(&here, "%q is not a label value", value)
		}
	}
}

// badDomain follows pkg/config/validation/agent: ValidateWildcardDomain. It returns the
// fault of a domain whose first label may be, or begin with, "*".
func badDomain(domain string) string {
	if why := badLength(domain); why != "" {
		return why
	}
	first, rest, more := strings.Cut(domain, ".")
	if !isWildcardLabel(first) {
		return strconv.Quote(first) + " is not a label of a domain"
	}
	if more {
		return badLabels(rest)
	}
	return ""
}

// badFQDN follows pkg/config/validation/agent: ValidateFQDN.
func badFQDN(domain string) string {
	if why := badLength(domain); why != "" {
		return why
	}
	return badLabels(domain)
}

// badLength follows pkg/config/validation/agent: CheckDNS1123Preconditions.
func badLength(domain string) string {
	switch {
	case domain == "":
		return "a domain must not be empty"
	case len(domain) > maxDomain:
		return "the domain is longer than 255 characters"
	}
	return ""
}

// badLabels follows pkg/config/validation/agent: ValidateDNS1123Labels. The last
// label may be empty, as in "example.com.", and must not be a number.
func badLabels(domain string) string {
	for rest := domain; ; {
		label, after, more := strings.Cut(rest, ".")
		if !more {
			if label != "" && isNumber(label) {
				return strconv.Quote(label) + " is a number, not a top-level domain"
			}
			if label == "" {
				return ""
			}
		}
		if !isLabel(label) {
			return strconv.Quote(label) + " is not a label of a domain"
		}
		if !more {
			return ""
		}
		rest = after
	}
}

// isNumber reports whether s is a number that fits an int, as in Istio.
func isNumber(s string) bool {
	if s[0] < '0' || '9' < s[0] {
		return false
	}
	_, err := strconv.Atoi(s)
	return err == nil
}

// isIP follows pkg/util/net: IsValidIPAddress.
func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isSubnet follows pkg/config/validation/agent: ValidateIPSubnet.
func isSubnet(s string) bool {
	if strings.Count(s, "/") != 1 {
		return isIP(s)
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// badSNIDomain follows pkg/config/validation/agent:
// ValidateWildcardDomainForVirtualServiceBoundToGateway, for domains of the form
// outbound_.PORT_._.HOST, which istiod generates for AUTO_PASSTHROUGH. It returns false
// for all others.
func badSNIDomain(domain string) (string, bool) {
	if badLength(domain) != "" || !strings.HasPrefix(domain, "outbound_") {
		return "", false
	}
	parts := strings.Split(domain, "_")
	if len(parts) < 4 || !strings.ContainsAny(parts[1], "0123456789") ||
		!strings.ContainsFunc(parts[3], func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }) {
		return "it is not of the form outbound_.PORT_._.HOST", true
	}
	return "", true
}

// hostMatches follows pkg/config/host: Name.Matches. It reports whether two hosts,
// each of which may begin with "*", have a name in common.
func hostMatches(a, b string) bool {
	return a == b || covers(a, b) || covers(b, a)
}

// covers follows pkg/config/host: Name.SubsetOf, for different names.
func covers(wide, narrow string) bool {
	suffix, ok := strings.CutPrefix(wide, "*")
	if !ok {
		return wide == narrow
	}
	if rest, wildcard := strings.CutPrefix(narrow, "*"); wildcard {
		return len(narrow) >= len(wide) && strings.HasSuffix(rest, suffix)
	}
	return strings.HasSuffix(narrow, suffix)
}

// port follows pkg/config/validation/agent: ValidatePort.
func (c *Checker) port(at *path, port uint32) {
	if port < 1 || port > 65535 {
		c.add(at, "%d is not a port", port)
	}
}
