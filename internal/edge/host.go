package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
)

// PreviewHost is a domain whose hosts are previews of an ordinary host.
type PreviewHost struct {
	// Domain has a host for each preview: that of the version NAME is NAME.Domain.
	Domain string
	// Host is the ordinary host.
	Host string
}

// Wildcard is the host of a server or a VirtualService for all previews.
func (p PreviewHost) Wildcard() string { return "*." + p.Domain }

// ParsePreviewHost parses *.DOMAIN=HOST.
func ParsePreviewHost(text string) (PreviewHost, error) {
	wildcard, host, found := strings.Cut(text, "=")
	if !found || !strings.HasPrefix(wildcard, "*.") {
		return PreviewHost{}, fmt.Errorf("%q: want *.DOMAIN=HOST, such as *.preview.shop.example.com=shop.example.com", text)
	}
	return NewPreviewHost(wildcard, host)
}

// NewPreviewHost returns the preview host for a wildcard, *.DOMAIN, and an ordinary host.
func NewPreviewHost(wildcard, host string) (PreviewHost, error) {
	domain, found := strings.CutPrefix(wildcard, "*.")
	switch {
	case !found:
		return PreviewHost{}, fmt.Errorf("host %q: want a wildcard, such as *.preview.shop.example.com", wildcard)
	case !isDomain(domain):
		return PreviewHost{}, fmt.Errorf("%q is not a domain: use a-z, 0-9 and \"-\" in at least two parts", domain)
	case strings.Count(domain, ".") >= maxDomainLabels:
		return PreviewHost{}, fmt.Errorf("%q has more than %d parts", domain, maxDomainLabels)
	case !isDomain(host):
		return PreviewHost{}, fmt.Errorf("%q is not a host: use a-z, 0-9 and \"-\" in at least two parts", host)
	}
	return PreviewHost{Domain: domain, Host: host}, nil
}

func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	return len(s) <= 253 && len(labels) > 1 && !slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' ||
			strings.ContainsFunc(l, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
	})
}

// CheckPreviewHosts returns an error if a host could be one of several previews, or a
// preview and an ordinary host.
func CheckPreviewHosts(list []PreviewHost) error {
	var errs []error
	for i, p := range list {
		for j, q := range list {
			switch {
			case p.has(q.Host):
				errs = append(errs, fmt.Errorf("%s would make ordinary requests for %s ask for previews", p.Wildcard(), q.Host))
			case i < j && p.Domain == q.Domain:
				errs = append(errs, fmt.Errorf("%s is given twice", p.Wildcard()))
			case i != j && p.has(q.Wildcard()):
				errs = append(errs, fmt.Errorf("%s and %s have hosts in common", p.Wildcard(), q.Wildcard()))
			}
		}
	}
	return errors.Join(errs...)
}

// has reports whether a host, or some host of a wildcard, is a preview, and is written in
// another way than Wildcard.
func (p PreviewHost) has(host string) bool {
	return strings.HasSuffix(host, "."+p.Domain) && host != p.Wildcard()
}

// checkHosts reports hosts of users below the domain of a preview host: all requests for
// them would ask for a version with the name of the host.
func (m *maker) checkHosts() {
	var gateways []string
	check := func(object diag.Object, origin diag.Origin, hosts []string) {
		for _, p := range m.PreviewHosts {
			for _, h := range hosts {
				_, h = cutNamespace(h)
				if h = strings.ToLower(h); p.has(h) {
					m.report(diag.EdgeHostTaken, object, "its host %s is below the preview host %s", h, p.Wildcard()).Origin = origin
				}
			}
		}
	}
	for _, g := range m.sharing() {
		gateways = append(gateways, g.Namespace+"/"+g.Name)
		for _, s := range g.Spec.GetServers() {
			check(g.Object(), g.Origin, s.GetHosts())
		}
	}
	for i := range m.snapshot.VirtualServices {
		v := &m.snapshot.VirtualServices[i]
		if slices.ContainsFunc(v.Spec.GetGateways(), func(name string) bool { return slices.Contains(gateways, mesh.GatewayName(name, v.Namespace)) }) {
			check(v.Object(), v.Origin, v.Spec.GetHosts())
		}
	}
}

// cutNamespace divides a host of a server into the namespace before it, with the "/", and
// the host.
func cutNamespace(host string) (namespace, name string) {
	at := strings.IndexByte(host, '/') + 1
	return host[:at], host[at:]
}
