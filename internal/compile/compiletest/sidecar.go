package compiletest

import (
	"fmt"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// sidecars draws what proxies import: those of namespaces, of some workloads, and
// of the root namespace, which holds where there is none else.
func (d *draw) sidecars() []model.Sidecar {
	if !d.has(Sidecars) {
		return nil
	}
	var out []model.Sidecar
	for i := range pick(d, "Sidecars", 1, 2, 3) {
		s := model.Sidecar{
			Namespace: pick(d, "namespace of a Sidecar", front, "shop", "lab", rootNamespace),
			Name:      fmt.Sprintf("sidecar-%d", i), Created: d.age(), Revision: d.revision(),
			Spec: &istioapi.Sidecar{},
		}
		if d.oneIn(3, "for some workloads") {
			s.Spec.WorkloadSelector = &istioapi.WorkloadSelector{Labels: map[string]string{"app": pick(d, "workloads of a Sidecar", names...)}}
		}
		if d.oneIn(4, "for one port") {
			port := &istioapi.SidecarPort{Number: 80, Protocol: "HTTP", Name: "http"}
			s.Spec.Egress = append(s.Spec.Egress, &istioapi.IstioEgressListener{Port: port, Hosts: d.egressHosts()})
			if d.oneIn(2, "and for no other") {
				out = append(out, s)
				continue
			}
		}
		s.Spec.Egress = append(s.Spec.Egress, &istioapi.IstioEgressListener{Hosts: d.egressHosts()})
		out = append(out, s)
	}
	return out
}

func (d *draw) egressHosts() []string {
	pool := []string{
		"./*", "shop/*", "lab/*", "*/*", "~/*", rootNamespace + "/*", "shop/" + fqdn("cart", "shop"), "*/" + fqdn("cart", "shop"),
		"./" + fqdn("web", "shop"), "shop/*.shop.svc.cluster.local", routing + "/*",
	}
	if d.has(PublicNames) {
		pool = append(pool, "*/front.example.com", "shop/*.example.com")
	}
	if d.has(Aliases) {
		pool = append(pool, "shop/"+fqdn("alias", "shop"))
	}
	hosts := some(d, "egress hosts", 1, 3, pool...)
	for _, h := range hosts {
		if h == "*/*" || h == "~/*" {
			return []string{h}
		}
	}
	return hosts
}
