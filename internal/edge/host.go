package edge

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
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

// written are hosts that an object of a user's has: a Gateway, whose servers or listeners have
// them, or a route.
type written struct {
	object  diag.Object
	origin  diag.Origin
	gateway bool
	hosts   []string
}

// checkHosts reports hosts of users below the domain of a preview host: all requests for
// them would ask for a version with the name of the host. It also reports preview hosts for
// ordinary hosts that the gateway does not serve.
func (m *maker) checkHosts() {
	all := m.writtenHosts()
	for _, p := range m.PreviewHosts {
		served := map[bool]bool{}
		for _, w := range all {
			for _, h := range w.hosts {
				_, h = cutNamespace(h)
				if h = strings.ToLower(h); p.has(h) {
					m.report(diag.EdgeHostTaken, w.object, "its host %s is below the preview host %s", h, p.Wildcard()).Origin = w.origin
				}
				served[w.gateway] = served[w.gateway] || mesh.Overlap(h, p.Host)
			}
		}
		switch {
		case len(all) == 0 || m.WithHosts: // nothing is known, or addServers and addServices say so
		case !served[true]:
			m.report(diag.EdgeHostUnserved, m.object(), "preview host %s is for %s, and no server or listener of the gateway has that host", p.Wildcard(), p.Host)
		case !served[false]:
			m.report(diag.EdgeHostUnserved, m.object(), "preview host %s is for %s, and no route at the gateway has that host", p.Wildcard(), p.Host)
		}
	}
}

// writtenHosts lists the hosts at the gateway's pods.
func (m *maker) writtenHosts() []written {
	if m.GatewayAPI {
		return m.writtenInGatewayAPI()
	}
	var out []written
	var gateways []string
	for _, g := range m.sharing() {
		gateways = append(gateways, g.Namespace+"/"+g.Name)
		for _, s := range g.Spec.GetServers() {
			out = append(out, written{g.Object(), g.Origin, true, s.GetHosts()})
		}
	}
	for i := range m.snapshot.VirtualServices {
		v := &m.snapshot.VirtualServices[i]
		if slices.ContainsFunc(v.Spec.GetGateways(), func(name string) bool { return slices.Contains(gateways, mesh.GatewayName(name, v.Namespace)) }) {
			out = append(out, written{v.Object(), v.Origin, false, v.Spec.GetHosts()})
		}
	}
	return out
}

// writtenInGatewayAPI lists the hosts at a Gateway of the Gateway API. A listener or an
// HTTPRoute without any is for all hosts.
func (m *maker) writtenInGatewayAPI() []written {
	var out []written
	for i := range m.snapshot.KubernetesGateways {
		g := &m.snapshot.KubernetesGateways[i]
		if g.Namespace != m.Namespace || g.Name != m.Gateway {
			continue
		}
		for _, l := range g.Listeners {
			out = append(out, written{g.Object(), g.Origin, true, []string{cmp.Or(l.Hostname, "*")}})
		}
		for j := range m.snapshot.HTTPRoutes {
			r := &m.snapshot.HTTPRoutes[j]
			if slices.ContainsFunc(r.Attached.Parents, func(p route.Parent) bool { return g.Serves(&p) }) {
				out = append(out, written{r.Object(), r.Origin, false, mesh.HostnamesOf(&r.Attached)})
			}
		}
	}
	return out
}

// cutNamespace divides a host of a server into the namespace before it, with the "/", and
// the host.
func cutNamespace(host string) (namespace, name string) {
	at := strings.IndexByte(host, '/') + 1
	return host[:at], host[at:]
}
