package edge

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// hostObject is an object that serves preview hosts. It is the user's: Overrides adopts its
// routes as those of any other, and never deletes it.
type hostObject struct {
	kind string
	meta metav1.ObjectMeta
	spec proto.Message
}

func (o *hostObject) encode() (encoded.Object, error) {
	return istio.Canonical(&o.meta, o.kind, o.spec)
}

// copyName is the name of the Gateway with the servers of preview hosts.
func (m *maker) copyName() string { return m.Gateway + "-preview" }

// isCopy reports whether g was made by addServers before.
func (m *maker) isCopy(g *model.Gateway) bool {
	if g.Namespace != m.Namespace || g.Name != m.copyName() {
		return false
	}
	for _, s := range g.Spec.GetServers() {
		for _, h := range s.GetHosts() {
			if _, h = cutNamespace(h); !slices.ContainsFunc(m.PreviewHosts, func(p PreviewHost) bool { return h == p.Wildcard() }) {
				return false
			}
		}
	}
	return true
}

// addServers adds a Gateway with a copy of each server of an ordinary host for its preview
// hosts. It is a Gateway of its own, since users have written the other one.
func (m *maker) addServers() {
	if m.gateway == nil {
		m.report(diag.EdgeHostNotServed, m.object(), "the Gateway is not in the input, so there is no server to copy for preview hosts")
		return
	}
	for i := range m.snapshot.Gateways {
		if g := &m.snapshot.Gateways[i]; g.Namespace == m.Namespace && g.Name == m.copyName() && !m.isCopy(g) {
			m.report(diag.EdgeHostNotServed, g.Object(), "it has the name that the Gateway for preview hosts would have").
				Fix = "rename it, or write the servers for preview hosts yourself"
			return
		}
	}
	spec := &istioapi.Gateway{Selector: m.gateway.Spec.GetSelector()}
	for _, s := range m.gateway.Spec.GetServers() {
		if out := m.server(s); out != nil {
			spec.Servers = append(spec.Servers, out)
		}
	}
	for _, p := range m.PreviewHosts {
		if !slices.ContainsFunc(m.gateway.Spec.GetServers(), func(s *istioapi.Server) bool {
			return carriesHTTP(s) && slices.ContainsFunc(s.GetHosts(), func(h string) bool { _, h = cutNamespace(h); return mesh.Overlap(h, p.Host) })
		}) {
			m.report(diag.EdgeHostNotServed, m.object(), "no server for HTTP or HTTPS has the host %s", p.Host)
		}
	}
	m.hosts = append(m.hosts, hostObject{"Gateway", m.meta(m.Namespace, m.copyName()), spec})
}

// server returns the copy of a server for the preview hosts of its hosts; nil if it has none,
// or can't have them.
func (m *maker) server(s *istioapi.Server) *istioapi.Server {
	var hosts []string
	for _, h := range s.GetHosts() {
		namespace, name := cutNamespace(h)
		for _, p := range m.PreviewHosts {
			if mesh.Overlap(name, p.Host) && !slices.Contains(hosts, namespace+p.Wildcard()) {
				hosts = append(hosts, namespace+p.Wildcard())
			}
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	out := proto.CloneOf(s)
	out.Hosts = hosts
	tls := out.GetTls()
	switch {
	case !carriesHTTP(s):
		m.report(diag.EdgePartLeftOut, m.object(), "its server for port %d has no routes for HTTP, so no preview host can be served there", s.GetPort().GetNumber())
		return nil
	case !isHTTPS(s):
		return out
	case m.Credential == "":
		m.report(diag.EdgeHostNotServed, m.object(), "its server for port %d needs a certificate for %s", s.GetPort().GetNumber(), strings.Join(hosts, ", ")).
			Fix = "make a Secret with a certificate for the preview hosts alone, beside the gateway's pods, and name it with --credential-name"
		return nil
	}
	out.Tls = &istioapi.ServerTLSSettings{
		Mode: tls.GetMode(), CredentialName: m.Credential, HttpsRedirect: tls.GetHttpsRedirect(),
		MinProtocolVersion: tls.GetMinProtocolVersion(), MaxProtocolVersion: tls.GetMaxProtocolVersion(), CipherSuites: tls.GetCipherSuites(),
	}
	return out
}

// carriesHTTP reports whether a server has routes, and can have them for preview hosts: for
// HTTPS it needs TLS, without which Istio refuses it.
func carriesHTTP(s *istioapi.Server) bool {
	return mesh.CarriesHTTP(s) && (s.GetTls() != nil || !isHTTPS(s))
}

func isHTTPS(s *istioapi.Server) bool { return strings.EqualFold(s.GetPort().GetProtocol(), "HTTPS") }
