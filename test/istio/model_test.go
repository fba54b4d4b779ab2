package istio_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// TestModel compares package mesh with the real istiod. For generated clusters, with and
// without the output of Overrides, and for any caller, port and name, both return the
// same routes of the same VirtualService in force, the same clusters of these routes, and
// which of those exist; and for any host of a Service the same DestinationRule with the
// same subsets.
func TestModel(t *testing.T) {
	check(t, func(t *rapid.T) {
		c, err := readCluster(t.Context(), compiletest.Manifests(compiletest.Snapshot(described).Draw(t, "snapshot")))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.snapshot.Services) == 0 || before131 && newer(c.snapshot) {
			return
		}
		p := newPair(t, c)
		defer p.real.Close()
		for range 5 {
			p.compare(t)
		}
	})
}

// described are the shapes for which the model must match istiod: all except hosts that a
// Service and a ServiceEntry share, for which nothing is generated.
const described = compiletest.All &^ compiletest.EntriesOfServices

// newer reports whether a mesh has features that the model describes as in Istio 1.31:
// defaults that list namespaces, and hosts that a Sidecar excludes. In older versions,
// such a default hides VirtualServices and their destinations from all, and nothing is
// excluded.
func newer(s *model.Snapshot) bool {
	named := func(to string) bool { return to != "." && to != "*" }
	leavesOut := func(e *istioapi.IstioEgressListener) bool {
		return slices.ContainsFunc(e.GetHosts(), func(h string) bool { return strings.HasPrefix(h, "~") })
	}
	return slices.ContainsFunc(s.Mesh.VirtualServiceExportTo, named) || slices.ContainsFunc(s.Mesh.ServiceExportTo, named) ||
		slices.ContainsFunc(s.Sidecars, func(x model.Sidecar) bool { return slices.ContainsFunc(x.Spec.GetEgress(), leavesOut) })
}

// pair is one mesh in package mesh, and in istiod.
type pair struct {
	*cluster
	mesh    *mesh.Mesh
	ours    *mesh.Ours
	order   mesh.Order
	options oracle.Options
	real    *oracle.Mesh
}

func newPair(t *rapid.T, c *cluster) *pair {
	p := &pair{cluster: c, mesh: mesh.New(c.snapshot), options: c.options(t)}
	p.order.Reverse = p.options.Reverse
	p.load(t)
	return p
}

// load has istiod read the mesh with the objects of Overrides, or without.
func (p *pair) load(t *rapid.T) {
	c := p.cluster
	manifests := c.users
	if rapid.Bool().Draw(t, "ours") {
		p.ours = p.mesh.Ours(c.result.Tables, c.result.SubsetRules)
		a := age{created: older, reverse: p.order.Reverse}
		if p.order.OursLast = rapid.Bool().Draw(t, "oursLast"); p.order.OursLast {
			a.created = younger
		}
		manifests = c.with(a)
	}
	var err error
	if p.real, err = oracle.Load(manifests, p.options); err != nil {
		t.Fatal(err)
	}
}

// compare asks both about one host and one caller.
func (p *pair) compare(t *rapid.T) {
	request := compiletest.Request(false).Draw(t, "request")
	host := rapid.SampledFrom(p.hosts()).Draw(t, "host")
	service := p.mesh.Service(host)
	if service.Stands != "" {
		return // its names are asked with those of the Service that it stands for
	}
	detected := map[uint32]bool{}
	for _, port := range service.Ports {
		detected[port.Number] = port.Detected
	}
	x := p.mesh.Island([]string{host}, p.ours, p.order)
	class := x.Class(request.Caller.Namespace, p.options.Revision, request.Caller.Labels)
	caller := oracle.Proxy{Namespace: request.Caller.Namespace, Labels: request.Caller.Labels}
	for _, port := range x.Ports() {
		hosts := x.VirtualHosts(class, port)
		for _, domain := range x.Domains() {
			if detected[port] && domain != host {
				continue // whatever the name, a connection to the Service is for it there
			}
			to := p.resolve(domain, caller.Namespace)
			if strings.HasPrefix(domain, "*") || !strings.Contains(domain, ".") && p.mesh.Concrete(to) != p.mesh.Concrete(host) {
				continue // no name, or one of another Service for this caller
			}
			if routes, err := p.real.Routes(caller, to, port); err != nil || routes == nil {
				continue // no HTTP, or no listener at all: whatever the routes are
			}
			view, err := p.real.Host(caller, to, port, domain)
			if err != nil {
				t.Fatal(err)
			}
			where := fmt.Sprintf("island of %s: %s, port %d, by %s (%+v):\n", host, class, port, domain, p.order)
			p.compareHost(t, where, mesh.Lookup(hosts, domain), view, func(route *mesh.Route) []string {
				return p.clustersOf(t, &asked{x, class, caller}, port, route)
			})
		}
	}
	p.compareRule(t, x, class, caller, service)
}

// hosts lists the hosts of the mesh's Services and ServiceEntries.
func (p *pair) hosts() []string {
	var out []string
	for _, s := range p.snapshot.Services {
		out = append(out, p.mesh.FQDN(s.Name, s.Namespace))
	}
	for _, e := range p.snapshot.ServiceEntries {
		for _, host := range e.Spec.GetHosts() {
			if !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	return out
}

// knowsLess reports whether the model may not know a cluster that istiod has: a Sidecar
// imports the destinations of any VirtualService that it imports, and an island has only
// some of these; and the destinations of unknown routes are unknown. The model treats
// unknown clusters as missing, and nothing is generated that leads to them.
func (p *pair) knowsLess(there bool) bool {
	unknown := func(s *mesh.Source) bool { return s.Problem != nil }
	return there && (len(p.snapshot.Sidecars) > 0 || slices.ContainsFunc(p.mesh.Sources(), unknown))
}

// resolve returns the Service whose address DNS returns for a name, "" for none.
func (p *pair) resolve(name, namespace string) string {
	parts := strings.Split(strings.TrimSuffix(name, "."), ".")
	if len(parts) > 1 {
		namespace = parts[1]
	}
	if rest := strings.Join(parts[min(len(parts), 2):], "."); rest != "" && rest != "svc" && rest != "svc.cluster.local" {
		return ""
	}
	host := p.mesh.FQDN(parts[0], namespace)
	if s := p.mesh.Service(host); s == nil || s.Kubernetes == nil {
		return ""
	}
	return host
}

func (p *pair) compareHost(t *rapid.T, where string, said *mesh.VirtualHost, view *oracle.HostView, clusters func(*mesh.Route) []string) {
	if said != nil && said.Source != nil && said.Source.Problem != nil {
		return // the model says that it does not know
	}
	passes := view == nil || view.Name == "allow_any" || view.Name == "block_all"
	if (said == nil) != passes {
		p.fail(t, fmt.Sprintf("%sthe model has %+v, istiod %+v", where, said, view))
	}
	if said == nil {
		return
	}
	source := ""
	if said.Source != nil {
		source = said.Source.Object.Namespace + "/" + said.Source.Object.Name
	}
	if len(view.Routes) == 0 || view.Routes[0].VirtualService != source {
		p.fail(t, fmt.Sprintf("%sthe model takes %q, istiod %+v", where, source, view.Routes))
	}
	// The model may have more routes, after one that matches everything.
	if len(said.Routes) < len(view.Routes) || len(said.Routes) > len(view.Routes) && !view.Routes[len(view.Routes)-1].CatchesAll {
		p.fail(t, fmt.Sprintf("%s%s: %d routes, istiod has %+v", where, source, len(said.Routes), view.Routes))
	}
	for i := range view.Routes {
		if got := clusters(&said.Routes[i]); !slices.Equal(got, view.Routes[i].Clusters) {
			p.fail(t, fmt.Sprintf("%s%s: route %d leads to %v, istiod's to %v", where, source, i, got, view.Routes[i].Clusters))
		}
	}
}

// asked is a proxy that both are asked about: the model knows its class.
type asked struct {
	island *mesh.Island
	class  *mesh.Class
	proxy  oracle.Proxy
}

// clustersOf lists the destinations of a route, as Envoy's names of clusters, and
// compares which of them exist.
func (p *pair) clustersOf(t *rapid.T, at *asked, port uint32, route *mesh.Route) []string {
	rules, err := p.real.Rules(at.proxy)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range route.Destinations {
		d := &route.Destinations[i]
		if d.Weight == 0 && len(route.Destinations) > 1 {
			continue
		}
		c := at.island.Cluster(at.class, port, d)
		name := fmt.Sprintf("outbound|%d|%s|%s", c.Port, c.Subset, c.Host)
		out = append(out, name)
		if s := p.mesh.Service(c.Host); s != nil && len(s.Contested) > 0 {
			continue
		}
		if _, there := rules[name]; there != at.island.Exists(at.class, c) && (at.proxy.Gateway || !p.knowsLess(there)) {
			p.fail(t, fmt.Sprintf("%s, port %d (%+v): cluster %s: the model says %v, istiod %v", at.class, port, p.order, name, !there, there))
		}
	}
	return out
}

// compareRule compares the clusters of a Service's host, and their rule.
func (p *pair) compareRule(t *rapid.T, x *mesh.Island, class *mesh.Class, caller oracle.Proxy, service *mesh.Service) {
	rules, err := p.real.Rules(caller)
	if err != nil {
		t.Fatal(err)
	}
	host := service.Host
	rule := x.Rule(class, host)
	for _, port := range service.Ports {
		for _, subset := range []string{"", "v1", "v2", "stable", "canary", "overrides-released", "override-v1", "override-v2"} {
			name := fmt.Sprintf("outbound|%d|%s|%s", port.Number, subset, host)
			from, there := rules[name]
			where := fmt.Sprintf("%s: %s (%+v): ", class, name, p.order)
			if exists := x.Exists(class, mesh.Cluster{Host: host, Subset: subset, Port: port.Number}); exists != there && p.knowsLess(there) {
				continue
			} else if exists != there {
				p.fail(t, fmt.Sprintf("%sthe model says %v, istiod %v\nrule %v", where, exists, there, rule.Objects()))
			}
			if !there {
				continue
			}
			said := ""
			if rule != nil {
				said = rule.Objects()[0].Namespace + "/" + rule.Objects()[0].Name
			}
			if said != from {
				p.fail(t, fmt.Sprintf("%sthe model takes %v, istiod %q", where, rule.Objects(), from))
			}
		}
	}
}

func (p *pair) fail(t *rapid.T, message string) { (&world{cluster: p.cluster}).fail(t, message) }
