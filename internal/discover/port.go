package discover

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// carriesHTTP reports whether Istio applies HTTP routes to a port: if it is declared as
// HTTP, or if proxies detect its protocol, which it reports too (istio pkg/config/kube:
// ConvertProtocol, pkg/config/protocol: IsHTTPOrSniffed).
func carriesHTTP(p *corev1.ServicePort) (http, detected bool) {
	if p.Protocol == corev1.ProtocolUDP {
		return false, false
	}
	declared := p.Name
	if p.AppProtocol != nil {
		switch *p.AppProtocol {
		case "kubernetes.io/h2c", "kubernetes.io/ws":
			return true, false
		case "kubernetes.io/wss":
			return false, false
		}
		declared = *p.AppProtocol
	}
	if http, known := declaredHTTP(declared); known {
		return http, false
	}
	detected = !slices.Contains(knownTCPPorts, p.Port)
	return detected, detected
}

// knownTCPPorts are not detected, since their clients wait for the server to speak first.
var knownTCPPorts = []int32{25, 53, 3306, 27017}

// declaredHTTP reads a protocol from the name of a port, as in "http-web".
func declaredHTTP(name string) (http, known bool) {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "grpc-web") {
		return true, true
	}
	protocol, _, _ := strings.Cut(name, "-")
	switch protocol {
	case "http", "http2", "grpc", "http_proxy":
		return true, true
	case "tcp", "udp", "https", "tls", "mongo", "redis", "mysql":
		return false, true
	}
	return false, false
}
