package closed

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
)

// callers says who is admitted, sorted.
func (c *collection) callers() []string {
	if !c.limited {
		return []string{"any caller with an identity of the mesh"}
	}
	var out []string
	for _, r := range c.all {
		suffix := ""
		if len(r.GetTo())+len(r.GetWhen()) > 0 {
			suffix = " (for some requests)"
		}
		if len(r.GetFrom()) == 0 {
			out = append(out, "any caller"+suffix)
		}
		for _, from := range r.GetFrom() {
			out = append(out, source(from.GetSource())+suffix)
		}
	}
	if len(out) == 0 {
		return []string{"nobody, as the released version"}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// source describes a source: all of its fields have to match.
func source(s *securityapi.Source) string {
	var parts []string
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"", s.GetPrincipals()},
		{"not ", s.GetNotPrincipals()},
		{"namespace ", s.GetNamespaces()},
		{"not namespace ", s.GetNotNamespaces()},
		{"service account ", s.GetServiceAccounts()},
		{"not service account ", s.GetNotServiceAccounts()},
		{"user ", s.GetRequestPrincipals()},
		{"not user ", s.GetNotRequestPrincipals()},
		{"address ", slices.Concat(s.GetIpBlocks(), s.GetRemoteIpBlocks())},
		{"not address ", slices.Concat(s.GetNotIpBlocks(), s.GetNotRemoteIpBlocks())},
		{"trust domain ", s.GetTrustDomains()},
		{"not trust domain ", s.GetNotTrustDomains()},
	} {
		if len(f.values) > 0 {
			parts = append(parts, f.name+strings.Join(f.values, "|"))
		}
	}
	if len(parts) == 0 {
		return "any caller"
	}
	return strings.Join(parts, " and ")
}

// nameOf returns a version as a part of the name of an object. Versions may have characters that
// these don't have.
func nameOf(version string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(version))
	if name == version {
		return name
	}
	sum := sha256.Sum256([]byte(version))
	return strings.Trim(name, "-") + "-" + hex.EncodeToString(sum[:4])
}
