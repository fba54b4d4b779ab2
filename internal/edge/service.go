package edge

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/valid"
)

// addServices adds a copy of each VirtualService of an ordinary host for the preview hosts,
// by age: a gateway has the routes of several for a host one after the other.
func (m *maker) addServices() {
	if m.gateway == nil {
		return
	}
	taken := map[diag.Object]bool{}
	for _, p := range m.PreviewHosts {
		var found []*model.VirtualService
		for i := range m.snapshot.VirtualServices {
			v := &m.snapshot.VirtualServices[i]
			if slices.ContainsFunc(v.Spec.GetHosts(), func(h string) bool { return mesh.Overlap(h, p.Host) }) && m.isNamed(v.Spec.GetGateways(), v.Namespace) {
				found = append(found, v)
			}
		}
		slices.SortStableFunc(found, func(a, b *model.VirtualService) int { return a.Created.Compare(b.Created) })
		var names []string
		for _, v := range found {
			names = append(names, v.Namespace+"/"+v.Name)
			m.addService(v, p, taken)
		}
		switch {
		case len(found) == 0:
			m.report(diag.EdgeHostNotServed, m.object(), "no VirtualService on it has the host %s", p.Host)
		case len(found) > 1:
			m.report(diag.EdgeOrderMatters, m.object(), "host %s has the routes of several VirtualServices, of which the oldest comes first: %s", p.Host, strings.Join(names, ", "))
		}
	}
}

// isNamed reports whether one of gateways, as objects of a namespace name them, is the
// Gateway.
func (m *maker) isNamed(gateways []string, namespace string) bool {
	return slices.ContainsFunc(gateways, func(name string) bool {
		return mesh.GatewayName(name, namespace) == m.Namespace+"/"+m.Gateway
	})
}

func (m *maker) addService(v *model.VirtualService, p PreviewHost, taken map[diag.Object]bool) {
	object := diag.Object{Kind: "VirtualService", Namespace: v.Namespace, Name: v.Name + "-preview"}
	for n := 2; taken[object]; n++ {
		object.Name = fmt.Sprintf("%s-preview-%d", v.Name, n)
	}
	taken[object] = true
	for i := range m.snapshot.VirtualServices {
		if w := &m.snapshot.VirtualServices[i]; w.Object() == object && !slices.Equal(w.Spec.GetHosts(), []string{p.Wildcard()}) {
			m.report(diag.EdgeHostNotServed, object, "it has the name that the copy of %s for %s would have", v.Object(), p.Wildcard()).
				Fix = "rename it, or write the VirtualService for preview hosts yourself"
			return
		}
	}
	if len(v.Unknown) > 0 {
		m.report(diag.EdgePartLeftOut, v.Object(), "its field %s is not known, and is not in the copy for preview hosts", v.Unknown[0])
	}
	if len(v.Spec.GetTls())+len(v.Spec.GetTcp()) > 0 {
		m.report(diag.EdgePartLeftOut, v.Object(), "its routes for TLS and TCP are not in the copy for preview hosts")
	}
	spec := &istioapi.VirtualService{
		Hosts: []string{p.Wildcard()}, Gateways: []string{m.Namespace + "/" + m.copyName()}, ExportTo: slices.Clone(v.Spec.GetExportTo()),
	}
	c := copier{maker: m, from: v, host: p.Host}
	for i, r := range v.Spec.GetHttp() {
		if out := c.route(i, proto.CloneOf(r)); out != nil {
			spec.Http = append(spec.Http, out)
		}
	}
	meta := m.meta(v.Namespace, object.Name)
	meta.Labels = nil
	if v.Revision != "" {
		meta.Labels = map[string]string{istio.RevisionLabel: v.Revision}
	}
	var checker valid.Checker
	if problems := append(valid.Metadata(&meta), checker.VirtualService(spec, v.Namespace)...); len(problems) > 0 {
		m.report(diag.EdgeHostNotServed, v.Object(), "Istio would refuse its copy for %s: %s", p.Wildcard(), problems[0])
		return
	}
	m.hosts = append(m.hosts, hostObject{"VirtualService", meta, spec})
}
