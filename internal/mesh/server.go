package mesh

import (
	"fmt"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// server is a server of a Gateway that carries HTTP.
type server struct {
	gateway, listener string
	port              uint32
	// hosts may begin with a namespace.
	hosts []string
}

// servers lists the servers of gateway pods that carry HTTP, listener by listener
// (pilot/pkg/model: mergeGateways).
func (m *Mesh) servers(class *Class, order Order) []server {
	var out []server
	taken := ports{encrypted: map[string]string{}, plain: map[uint32]*istioapi.Server{}, names: map[string]bool{}}
	for _, g := range m.gatewaysFor(class, order) {
		for _, s := range g.Spec.GetServers() {
			hosts, name := qualified(s.GetHosts(), g.Namespace), listenerName(g, s)
			if taken.refuses(s, hosts, name) || !CarriesHTTP(s) {
				continue
			}
			out = append(out, server{g.Namespace + "/" + g.Name, name, s.GetPort().GetNumber(), hosts})
		}
	}
	slices.SortStableFunc(out, func(a, b server) int { return strings.Compare(a.listener, b.listener) })
	return out
}

// ports is what servers have of the ports of gateway pods.
type ports struct {
	// encrypted has the address of each host with TLS, by port and host; plain the first
	// server without TLS of each port; names those of listeners with TLS.
	encrypted map[string]string
	plain     map[uint32]*istioapi.Server
	names     map[string]bool
}

// refuses notes what a server has, and reports whether another one has it already: Istio
// leaves out such a server.
func (p *ports) refuses(s *istioapi.Server, hosts []string, name string) bool {
	port := s.GetPort().GetNumber()
	if s.GetTls() != nil && p.refusesHosts(s, hosts) {
		return true
	}
	encrypted := s.GetTls() != nil && !isPlain(s)
	switch first := p.plain[port]; {
	case first != nil:
		return s.GetBind() == first.GetBind() && (!isPlain(s) || !isPlain(first))
	case !encrypted:
		p.plain[port] = s
		return false
	case CarriesHTTP(s) && p.names[name]:
		return true
	}
	p.names[name] = true
	return false
}

// refusesHosts notes the hosts of a server with TLS, unless another one has one of them.
func (p *ports) refusesHosts(s *istioapi.Server, hosts []string) bool {
	key := func(host string) string { return fmt.Sprintf("%d %s", s.GetPort().GetNumber(), host) }
	for _, h := range hosts {
		if bind, known := p.encrypted[key(h)]; known && bind == s.GetBind() {
			return true
		}
	}
	for _, h := range hosts {
		p.encrypted[key(h)] = s.GetBind()
	}
	return false
}

// isPlain reports whether a server is for HTTP without TLS; it may redirect to HTTPS
// (pkg/config/protocol: IsHTTP).
func isPlain(s *istioapi.Server) bool {
	switch strings.ToLower(s.GetPort().GetProtocol()) {
	case "http", "http2", "grpc", "grpc-web", "http_proxy":
		return true
	}
	return false
}

// CarriesHTTP reports whether a server has routes: for HTTP, or for HTTPS that ends there
// (pkg/config/gateway: IsHTTPServer).
func CarriesHTTP(s *istioapi.Server) bool {
	mode := s.GetTls().GetMode()
	passes := s.GetTls() != nil && (mode == istioapi.ServerTLSSettings_PASSTHROUGH || mode == istioapi.ServerTLSSettings_AUTO_PASSTHROUGH)
	return isPlain(s) || strings.EqualFold(s.GetPort().GetProtocol(), "HTTPS") && !passes
}

// listenerName returns the name of the route configuration of a server
// (pilot/pkg/model: gatewayRDSRouteName).
func listenerName(g *model.Gateway, s *istioapi.Server) string {
	name := fmt.Sprintf("http.%d", s.GetPort().GetNumber())
	if !isPlain(s) {
		name = fmt.Sprintf("https.%d.%s.%s.%s", s.GetPort().GetNumber(), s.GetPort().GetName(), g.Name, g.Namespace)
	}
	if s.GetBind() != "" {
		name += "." + s.GetBind()
	}
	return name
}

// gatewaysFor lists the Gateways that select pods of a class, by age.
func (m *Mesh) gatewaysFor(class *Class, order Order) []*model.Gateway {
	var out []*model.Gateway
	for i := range m.snapshot.Gateways {
		if g := &m.snapshot.Gateways[i]; class.reads(g.Revision) && g.Selects(class.Labels) {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b *model.Gateway) int {
		return order.compare(age{a.Created, a.Object(), false}, age{b.Created, b.Object(), false})
	})
	return out
}

// gatewayAgesMatter reports whether the relative age of some Gateways is not known, which
// decides about the order of the routes that they give to one host.
func (m *Mesh) gatewayAgesMatter() bool {
	return len(m.snapshot.Gateways) > 1 && slices.ContainsFunc(m.snapshot.Gateways, func(g model.Gateway) bool { return g.Created.IsZero() })
}

// qualified returns hosts of a server with the namespace of its Gateway for ".", and without
// "*/" (pilot/pkg/model: sanitizeServerHostNamespace).
func qualified(hosts []string, namespace string) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		of, name, found := strings.Cut(h, "/")
		switch {
		case found && of == private:
			h = namespace + "/" + name
		case found && of == public:
			h = name
		}
		out[i] = h
	}
	return out
}

// hostsFor lists the hosts of s for VirtualServices of a namespace.
func (s *server) hostsFor(namespace string) []string {
	out := make([]string, 0, len(s.hosts))
	for _, h := range s.hosts {
		of, name, found := strings.Cut(h, "/")
		switch {
		case !found:
			out = append(out, h)
		case of == namespace:
			out = append(out, name)
		}
	}
	return out
}
