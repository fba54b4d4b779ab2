package oracle

import (
	"errors"
	"net/netip"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/wellknown"
)

// connection returns the destination of a connection whose protocol is not HTTP, or that
// has no HTTP listener: by the listener of its address and port, else by the catch-all
// listener.
func (m *Mesh) connection(s *sidecar, request Request) (Answer, error) {
	address, err := m.address(s, request.To)
	if err != nil {
		return Answer{}, err
	}
	name, listener := "tcp", s.listener(address, request.Port)
	if listener == nil {
		name, listener = "passthrough", s.virtualOutbound()
	}
	if listener == nil {
		return Answer{}, errors.New("no listener")
	}
	tcp := tcpProxy(listener, address, request.Port)
	if tcp == nil {
		return Answer{Name: name, Index: -1, Status: 503}, nil
	}
	answer := Answer{Name: name, TCP: tcp, Path: request.Path}
	if weighted := tcp.GetWeightedClusters(); weighted != nil {
		for _, c := range weighted.Clusters {
			answer.Destinations = append(answer.Destinations, destination(c.Name, c.Weight))
		}
	} else {
		answer.Destinations = []Destination{destination(tcp.GetCluster(), 1)}
	}
	return answer, nil
}

func (s *sidecar) virtualOutbound() *listenerv3.Listener {
	i := slices.IndexFunc(s.listeners, func(l *listenerv3.Listener) bool { return l.Name == model.VirtualOutboundListenerName })
	if i < 0 {
		return nil
	}
	return s.listeners[i]
}

// tcpProxy returns the filter of l for plain connections to address and port.
func tcpProxy(l *listenerv3.Listener, address string, port uint32) *tcpv3.TcpProxy {
	chains := slices.DeleteFunc(slices.Clone(l.FilterChains), func(chain *listenerv3.FilterChain) bool {
		return !takesPlain(chain.GetFilterChainMatch(), address, port)
	})
	for _, chain := range append(chains, l.DefaultFilterChain) {
		for _, filter := range chain.GetFilters() {
			var tcp tcpv3.TcpProxy
			if filter.Name == wellknown.TCPProxy && filter.GetTypedConfig().UnmarshalTo(&tcp) == nil {
				return &tcp
			}
		}
	}
	return nil
}

func takesPlain(match *listenerv3.FilterChainMatch, address string, port uint32) bool {
	if want := match.GetDestinationPort(); want != nil && want.Value != port {
		return false
	}
	if len(match.GetServerNames()) > 0 || len(match.GetApplicationProtocols()) > 0 || match.GetTransportProtocol() == "tls" {
		return false
	}
	if len(match.GetPrefixRanges()) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, r := range match.GetPrefixRanges() {
		if prefix, err := netip.ParseAddr(r.AddressPrefix); err == nil &&
			netip.PrefixFrom(prefix, int(r.PrefixLen.GetValue())).Contains(ip) {
			return true
		}
	}
	return false
}
