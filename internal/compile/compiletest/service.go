package compiletest

import (
	"fmt"
	"maps"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// services gives the Services of a cluster their shapes, and adds others.
func (d *draw) services(s *model.Snapshot) {
	for i := range s.Services {
		d.service(&s.Services[i])
	}
	s.Services = append(s.Services, d.aliases()...)
	if d.has(Names) {
		s.Services = append(s.Services, d.oddService())
	}
	if d.has(Doors) && d.oneIn(2, "entrance") {
		s.Entrances = append(s.Entrances, model.Entrance{
			Kind: pick(d, "kind of entrance", "Ingress", "HTTPRoute", "GRPCRoute"), Namespace: "shop", Name: "public",
			Services: [][2]string{{"shop", pick(d, "behind the entrance", names...)}},
		})
	}
}

func (d *draw) service(s *model.Service) {
	if d.has(Ports) && s.VersionOf == "" {
		s.Ports = append(s.Ports, d.ports()...)
	}
	if d.has(ServiceExports) {
		s.ExportTo = pick(d, "exportTo of a Service", nil, []string{"."}, []string{"*"}, []string{"~"}, []string{s.Namespace, front}, []string{"lab"})
	}
	if d.has(Doors) {
		s.Reachable = pick(d, "reachable", nil, []string{"NodePort 30080"}, []string{"LoadBalancer", "NodePort 30080"})
		if s.Headless {
			s.Reachable = nil
		}
	}
	if d.has(Unread) && d.oneIn(2, "unread") {
		s.Unread = []model.Unread{d.unread(s)}
	}
	if d.has(Weights) && d.oneIn(2, "many pods") {
		for i := range s.Backends {
			s.Backends[i].Pods = 1000 - 3*i
			s.Backends[i].Ready = s.Backends[i].Pods
		}
	}
	if d.has(WideSubsets) {
		for i := range s.Backends {
			s.Backends[i].Labels["track"] = pick(d, "track", "stable", "stable", "canary")
		}
	}
	if d.has(Affinity) && d.oneIn(2, "several released") {
		s.Settings.ReleasedVersions = some(d, "released versions", 2, 3, versions[:4]...)
	}
	if d.has(Unready) {
		d.unready(s)
	}
}

// unready has a version released none of whose pods is ready.
func (d *draw) unready(s *model.Service) {
	for i := range s.Backends {
		b := &s.Backends[i]
		if version := b.Labels["version"]; version != "" {
			delete(b.Labels, "overrides.mesh/preview")
			b.Pods, b.Ready = max(b.Pods, 1), 0
			s.Settings.ReleasedVersions = []string{version}
			return
		}
	}
}

// ports draws further ports, whose numbers the generated matches name.
func (d *draw) ports() []model.Port {
	var out []model.Port
	for _, number := range some(d, "further ports", 1, 3, 8080, 443, 6379, 9080) {
		p := model.Port{Number: uint32(number), Name: fmt.Sprintf("http-%d", number), HTTP: true} //nolint:gosec // one of the above
		switch number {
		case 443:
			p.Name, p.HTTP = "https", false
		case 6379:
			p.Name, p.Detected = "cache", true
		case 9080:
			p.Name = pick(d, "name of port 9080", "http2-api", "grpc-api")
		}
		out = append(out, p)
	}
	return out
}

// aliases draws ExternalName Services: for a Service, for another alias, for what
// is in another namespace, and for a host outside.
func (d *draw) aliases() []model.Service {
	if !d.has(Aliases) {
		return nil
	}
	targets := []string{fqdn("cart", "shop"), fqdn("cart", "shop"), fqdn("web", "shop"), fqdn("cart", "lab"), "elsewhere.example.com"}
	alias := func(namespace, name, target string) model.Service {
		ports := []model.Port{{Name: "http", Number: 80, HTTP: true}}
		if d.oneIn(3, "alias without ports") {
			ports = nil
		}
		return model.Service{Namespace: namespace, Name: name, ExternalName: target, Ports: ports, ExportTo: d.aliasExportTo()}
	}
	out := []model.Service{alias("shop", "alias", pick(d, "target of an alias", targets...))}
	if d.oneIn(2, "alias elsewhere") {
		out = append(out, alias("lab", "alias", pick(d, "target of the alias elsewhere", append(targets, fqdn("alias", "shop"))...)))
	}
	if d.oneIn(2, "alias of an alias") {
		out = append(out, alias("shop", "alias-2", fqdn("alias", pick(d, "namespace of its target", "shop", "lab"))))
	}
	return out
}

func (d *draw) aliasExportTo() []string {
	if !d.has(ServiceExports) {
		return nil
	}
	return pick(d, "exportTo of an alias", nil, []string{"."}, []string{front})
}

// oddService draws a Service whose name is unusual, or as one that is made of another's.
func (d *draw) oddService() model.Service {
	name := pick(d, "odd name", "3scale", "cart-hosts", "cart-routes", "cart-overrides")
	return model.Service{
		Namespace: "shop", Name: name, Selector: map[string]string{"app": name},
		Ports:    []model.Port{{Name: "http", Number: 80, HTTP: true}},
		Backends: []model.Backend{d.versioned(name, "v1"), d.versioned(name, "v2")},
	}
}

func (d *draw) versioned(app, version string) model.Backend {
	return model.Backend{
		Workload: model.Workload{Kind: "Deployment", Name: app + "-" + version},
		Labels:   map[string]string{"app": app, "version": version}, Pods: 1, Ready: 1,
	}
}

// unread draws something behind a Service of a kind that is not read.
func (d *draw) unread(s *model.Service) model.Unread {
	labels := map[string]string{}
	maps.Copy(labels, s.Selector)
	if d.oneIn(2, "unread version") {
		labels["version"] = pick(d, "version of the unread", "v1", "v2")
	}
	kind := pick(d, "unread kind", "CloneSet", "WorkloadEntry", "EndpointSlice")
	if kind == "EndpointSlice" {
		labels = nil
	}
	return model.Unread{Object: diag.Object{Kind: kind, Namespace: s.Namespace, Name: s.Name + "-unread"}, Labels: labels}
}
