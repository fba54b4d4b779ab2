package valid

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// VirtualService returns why Istio would refuse a VirtualService of a namespace.
func VirtualService(spec *istioapi.VirtualService, namespace string) []Problem {
	return new(Checker).VirtualService(spec, namespace)
}

// VirtualService is the function of this name (validation: ValidateVirtualService).
func (c *Checker) VirtualService(spec *istioapi.VirtualService, namespace string) []Problem {
	c.namespace = namespace
	c.forMesh = len(spec.GetGateways()) == 0 || !isGateway(spec)
	root := path{}
	if len(spec.GetHosts()) == 0 {
		c.delegate(&root, spec)
	}
	c.gateways(&root, spec.GetGateways())
	c.hosts(&root, spec)
	if len(spec.GetHttp()) == 0 && len(spec.GetTcp()) == 0 && len(spec.GetTls()) == 0 {
		c.add(&root, "none of http, tcp and tls is set")
	}
	for i, r := range spec.GetHttp() {
		at := root.at("http", i)
		if r == nil {
			c.add(&at, "it must not be null")
			continue
		}
		c.httpRoute(&at, r, len(spec.GetHosts()) == 0)
	}
	for i, r := range spec.GetTls() {
		at := root.at("tls", i)
		c.tlsRoute(&at, r, spec)
	}
	for i, r := range spec.GetTcp() {
		at := root.at("tcp", i)
		c.tcpRoute(&at, r)
	}
	c.exportTo(&root, spec.GetExportTo(), false)
	return c.take()
}

// delegate checks for fields that a VirtualService without hosts must not have.
func (c *Checker) delegate(at *path, spec *istioapi.VirtualService) {
	for _, f := range []struct {
		name string
		n    int
	}{
		{"gateways", len(spec.GetGateways())}, {"tls", len(spec.GetTls())}, {"tcp", len(spec.GetTcp())},
	} {
		if f.n > 0 {
			here := at.field(f.name)
			c.add(&here, "a delegate, which has no hosts, must not have any")
		}
	}
}

// isGateway follows validation.go: isGateway. It reports whether a VirtualService with
// gateways applies to no sidecar.
func isGateway(spec *istioapi.VirtualService) bool {
	return !slices.Contains(spec.GetGateways(), "mesh")
}

func (c *Checker) hosts(at *path, spec *istioapi.VirtualService) {
	hosts := spec.GetHosts()
	sni := !c.forMesh && hasSNIHosts(spec)
	valid := true
	for i, host := range hosts {
		why, special := "", false
		if sni {
			why, special = badSNIDomain(host)
		}
		if !special {
			why = badDomain(host)
		}
		switch {
		case why != "" && isIP(host):
			continue
		case why == "" && c.forMesh && host == "*":
			why = "the host * is not allowed where sidecars use it (gateway mesh)"
		}
		if why != "" {
			here := at.at("hosts", i)
			c.add(&here, "%s", why)
			valid = false
		}
	}
	if !valid {
		return
	}
	for i := range hosts {
		for j := i + 1; j < len(hosts); j++ {
			if hostMatches(hosts[i], hosts[j]) {
				here := at.at("hosts", j)
				c.add(&here, "%q and %q cover each other", hosts[i], hosts[j])
			}
		}
	}
}

// hasSNIHosts follows validation.go: isSniHost.
func hasSNIHosts(spec *istioapi.VirtualService) bool {
	return slices.ContainsFunc(spec.GetTls(), func(r *istioapi.TLSRoute) bool {
		return slices.ContainsFunc(r.GetMatch(), func(m *istioapi.TLSMatchAttributes) bool { return len(m.GetSniHosts()) > 0 })
	})
}

// gateways follows validation.go: validateGatewayNames, which stops at the first name
// without a namespace.
func (c *Checker) gateways(at *path, names []string) {
	for i, full := range names {
		here := at.at("gateways", i)
		namespace, name, ok := strings.Cut(full, "/")
		if !ok {
			if why := badFQDN(full); why != "" {
				c.add(&here, "%s", why)
			}
			return
		}
		if !isLabel(namespace) || !isLabel(name) {
			c.add(&here, "%q is not namespace/name of a Gateway", full)
		}
	}
}

// exportTo follows validation.go: validateExportTo. A DestinationRule with a
// workloadSelector may be exported only to its own namespace.
func (c *Checker) exportTo(at *path, exportTo []string, selects bool) {
	if len(exportTo) == 0 {
		return
	}
	here := at.field("exportTo")
	known := make([]string, 0, len(exportTo))
	for _, name := range exportTo {
		key := name
		if name == "." {
			key = c.namespace
		}
		switch {
		case slices.Contains(known, key):
			c.add(&here, "namespace %q is given twice", key)
		case key == "~" || (key != "." && key != "*" && !isLabel(key)):
			c.add(&here, "%q is neither \".\", \"*\" nor a namespace", name)
		default:
			known = append(known, key)
		}
	}
	if selects && len(known) > 0 && (len(known) > 1 || known[0] != c.namespace) {
		c.add(&here, "with a workloadSelector it can be its own namespace only")
	}
	if len(exportTo) > 1 && slices.Contains(known, "*") {
		c.add(&here, "\"*\" stands beside other namespaces")
	}
}
