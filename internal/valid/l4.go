package valid

import (
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"
)

// tlsRoute follows validation.go: validateTLSRoute.
func (c *Checker) tlsRoute(at *path, r *istioapi.TLSRoute, spec *istioapi.VirtualService) {
	if r == nil {
		return
	}
	if len(r.GetMatch()) == 0 {
		c.add(at, "there is no match")
	}
	for i, m := range r.GetMatch() {
		here := at.at("match", i)
		c.tlsMatch(&here, m, spec)
	}
	c.l4Destinations(at, r.GetRoute())
}

// tlsMatch follows validation.go: validateTLSMatch.
func (c *Checker) tlsMatch(at *path, m *istioapi.TLSMatchAttributes, spec *istioapi.VirtualService) {
	if len(m.GetSniHosts()) == 0 {
		c.add(at, "there is no SNI host")
	}
	for i, host := range m.GetSniHosts() {
		here := at.at("sniHosts", i)
		c.sniHost(&here, host, spec)
	}
	c.subnets(at, m.GetDestinationSubnets())
	c.matchedCaller(at, m.GetPort(), m.GetSourceLabels(), m.GetGateways())
}

// sniHost follows validation.go: validateSniHost.
func (c *Checker) sniHost(at *path, host string, spec *istioapi.VirtualService) {
	why, special := "", false
	if isGateway(spec) {
		why, special = badSNIDomain(host)
	}
	if !special {
		why = badDomain(host)
	}
	switch {
	case why != "" && isIP(host):
	case why != "":
		c.add(at, "%s", why)
	case !slices.ContainsFunc(spec.GetHosts(), func(wide string) bool { return covers(wide, host) }):
		c.add(at, "%q is not covered by any of the hosts", host)
	}
}

// tcpRoute follows validation.go: validateTCPRoute.
func (c *Checker) tcpRoute(at *path, r *istioapi.TCPRoute) {
	if r == nil {
		return
	}
	for i, m := range r.GetMatch() {
		here := at.at("match", i)
		if m == nil {
			c.add(&here, "it must not be null")
			continue
		}
		c.subnets(&here, m.GetDestinationSubnets())
		c.matchedCaller(&here, m.GetPort(), m.GetSourceLabels(), m.GetGateways())
	}
	c.l4Destinations(at, r.GetRoute())
}

func (c *Checker) subnets(at *path, subnets []string) {
	for i, s := range subnets {
		if !isSubnet(s) {
			here := at.at("destinationSubnets", i)
			c.add(&here, "%q is neither an address nor a block of them", s)
		}
	}
}

// l4Destinations follows validation.go: validateRouteDestinations.
func (c *Checker) l4Destinations(at *path, destinations []*istioapi.RouteDestination) {
	if len(destinations) == 0 {
		c.add(at, "there is no route")
	}
	total := int32(0)
	for i, d := range destinations {
		here := at.at("route", i)
		if d.GetDestination() == nil {
			c.add(&here, "there is no destination")
		}
		field := here.field("destination")
		c.destination(&field, d.GetDestination())
		c.weight(&here, d.GetWeight())
		total += d.GetWeight()
	}
	if len(destinations) > 1 && total == 0 {
		c.add(at, "the weights of all destinations are 0")
	}
}
