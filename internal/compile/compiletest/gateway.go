package compiletest

import (
	"fmt"
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// secondGateway is another gateway, in a namespace of Services.
const secondGateway = "shop/second"

// gatewayLabels are those of the pods of gateways.
var gatewayLabels = map[string]string{"istio": "ingress"}

// gatewayProxies draws Gateways and their pods, and has VirtualServices on gateways be for
// names that people use there. It draws last, so that seeds mean what they meant before.
func (d *draw) gatewayProxies(s *model.Snapshot) {
	if !d.has(Gateways) || !d.front && d.oneIn(4, "no Gateway is known") {
		return
	}
	s.Gateways = append(s.Gateways, d.gatewayOf("istio-system", "public"))
	if d.oneIn(2, "second gateway") {
		s.Gateways = append(s.Gateways, d.gatewayOf("shop", "second"))
	}
	least := 0
	if d.front {
		least = 1
	}
	for _, namespace := range some(d, "pods of gateways in", least, 2, rootNamespace, front, "shop") {
		s.GatewayPods = append(s.GatewayPods, model.GatewayPods{Namespace: namespace, Labels: gatewayLabels})
	}
	slices.SortFunc(s.GatewayPods, model.GatewayPods.Compare)
	for i := range s.VirtualServices {
		if v := &s.VirtualServices[i]; len(v.Spec.Hosts) > 0 {
			d.onGateways(v)
		}
	}
}

// onGateways has a VirtualService on a gateway be for names that people use there.
func (d *draw) onGateways(v *model.VirtualService) {
	if d.front && !d.oneIn(4, "for sidecars") {
		v.Spec.Gateways = []string{publicGateway}
		v.Spec.ExportTo = pick(d, "exportTo on gateways", nil, nil, nil, []string{rootNamespace}, []string{"."}, []string{front, "shop"})
	}
	if !slices.Contains(v.Spec.Gateways, publicGateway) {
		return
	}
	if d.front && d.oneIn(2, "usual hosts") {
		first := "front.example.com"
		if d.has(Spellings) {
			first = "Front.example.com"
		}
		v.Spec.Hosts = pick(d, "hosts on gateways", []string{"front.example.com"}, []string{"front.example.com", "shop.example.com"}, []string{"*.example.com"}, []string{first, "*.shop.example.com"}, []string{"*"})
		if slices.Contains(v.Spec.Gateways, "mesh") && v.Spec.Hosts[0] == "*" {
			v.Spec.Hosts = []string{"front.example.com"} // Istio refuses "*" for sidecars
		}
	}
	for _, r := range v.Spec.Tls {
		for _, m := range r.Match {
			m.SniHosts = v.Spec.Hosts[:1] // others are refused
		}
	}
	if d.oneIn(3, "on both gateways") {
		v.Spec.Gateways = append(slices.Clone(v.Spec.Gateways), secondGateway)
	}
}

func (d *draw) gatewayOf(namespace, name string) model.Gateway {
	g := model.Gateway{Namespace: namespace, Name: name, Created: d.age(), Spec: &istioapi.Gateway{Selector: gatewayLabels}}
	if d.oneIn(6, "for any pods") {
		g.Spec.Selector = nil
	}
	g.PinOnly = d.front && d.oneIn(6, "pins only")
	for i := range pick(d, "servers", 1, 1, 2, 3) {
		hosts := some(d, "hosts of a server", 1, 2, "*", "*.example.com", "front.example.com", "shop/*", "./*.example.com", "*/shop.example.com", "lab/front.example.com", "*.shop.example.com")
		s := &istioapi.Server{Hosts: hosts, Port: &istioapi.Port{Number: 80, Protocol: "HTTP"}}
		switch pick(d, "server", "http", "http", "other port", "tls", "passthrough", "redirect") {
		case "other port":
			s.Port.Number = 8080
		case "tls":
			s.Port.Number, s.Port.Protocol = 443, "HTTPS"
			s.Tls = &istioapi.ServerTLSSettings{Mode: istioapi.ServerTLSSettings_SIMPLE, CredentialName: "certificate"}
		case "passthrough":
			s.Port.Number, s.Port.Protocol = 443, "TLS"
			s.Tls = &istioapi.ServerTLSSettings{Mode: istioapi.ServerTLSSettings_PASSTHROUGH}
		case "redirect":
			s.Tls = &istioapi.ServerTLSSettings{HttpsRedirect: true}
		}
		s.Port.Name = fmt.Sprintf("port-%d", i)
		g.Spec.Servers = append(g.Spec.Servers, s)
	}
	return g
}
