package compiletest

import (
	"fmt"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// serviceEntries draws hosts that the mesh knows without a Service, some of them
// over the pods of one.
func (d *draw) serviceEntries() []model.ServiceEntry {
	var hosts []string
	if d.has(ServiceEntries) {
		hosts = append(hosts, some(d, "hosts of ServiceEntries", 1, 2, "cart.internal", "front.example.com", "elsewhere.example.com")...)
	}
	if d.has(EntriesOfServices) {
		hosts = append(hosts, pick(d, "ServiceEntry for a Service", fqdn("cart", "shop"), fqdn("web", "shop"), fqdn("gone", "shop")))
	}
	var out []model.ServiceEntry
	for i, host := range hosts {
		e := model.ServiceEntry{
			Namespace: pick(d, "namespace of a ServiceEntry", "shop", "shop", "lab", front),
			Name:      fmt.Sprintf("entry-%d", i), Created: d.age(), Revision: d.revision(),
		}
		if i == len(hosts)-1 && d.has(EntriesOfServices) && e.Namespace == "shop" {
			// In the namespace of the Service it is chance which of them istiod takes.
			e.Namespace = "lab"
		}
		e.Spec = &istioapi.ServiceEntry{
			Hosts: []string{host}, Location: istioapi.ServiceEntry_MESH_INTERNAL, ExportTo: d.exportTo(e.Namespace),
			Ports:      []*istioapi.ServicePort{{Number: pick[uint32](d, "port of a ServiceEntry", 80, 80, 9090), Name: "http", Protocol: "HTTP"}},
			Resolution: istioapi.ServiceEntry_STATIC,
		}
		switch pick(d, "endpoints of a ServiceEntry", "pods", "pods", "addresses", "none") {
		case "pods":
			e.Spec.WorkloadSelector = &istioapi.WorkloadSelector{Labels: map[string]string{"app": pick(d, "selected by a ServiceEntry", names...)}}
		case "addresses":
			e.Spec.Endpoints = []*istioapi.WorkloadEntry{{Address: "10.9.8.7"}}
		case "none":
			e.Spec.Location, e.Spec.Resolution = istioapi.ServiceEntry_MESH_EXTERNAL, istioapi.ServiceEntry_DNS
		}
		out = append(out, e)
	}
	return out
}
