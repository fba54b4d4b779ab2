package compile

import (
	"slices"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// index is the mesh as given, made searchable. All steps read it and none changes it.
//
// No step reads the lists of the snapshot but through the methods of index, so that their
// callers are all places where a Service depends on other objects than its own.
type index struct {
	options  *model.Options
	mesh     *mesh.Mesh
	rejected Rejected
	snapshot *model.Snapshot
	foreign  map[diag.Object]bool
	// serviceRoutes has the routes of the Gateway API by the Service they are attached to,
	// as namespace and name.
	serviceRoutes map[[2]string]*model.ServiceRoute

	// What follows is made when it is asked for, once.
	callers  map[string][]model.Caller
	islands  map[string][]*mesh.Island
	verdicts verdicts
}

func newIndex(snapshot *model.Snapshot, rejected Rejected) *index {
	ix := &index{
		options: &snapshot.Options, mesh: mesh.New(snapshot), rejected: rejected, snapshot: snapshot,
		foreign: make(map[diag.Object]bool, len(snapshot.Foreign)), serviceRoutes: map[[2]string]*model.ServiceRoute{},
		islands: map[string][]*mesh.Island{},
	}
	for _, object := range snapshot.Foreign {
		ix.foreign[object] = true
	}
	for i := range snapshot.ServiceRoutes {
		r := &snapshot.ServiceRoutes[i]
		for _, s := range r.Services {
			ix.serviceRoutes[s] = r
		}
	}
	return ix
}

// now is the time; zero if nothing expires.
func (ix *index) now() time.Time { return ix.snapshot.Now }

// isNotClosed reports whether a version must be closed, and is not.
func (ix *index) isNotClosed(v model.VersionName) bool {
	_, is := ix.snapshot.NotClosed[v]
	return is
}

// services lists all Services.
func (ix *index) services() []model.Service { return ix.snapshot.Services }

// tokenNamespaces lists the namespaces whose sidecars take overrides from tokens alone.
func (ix *index) tokenNamespaces() []model.TokenNamespace { return ix.snapshot.TokenNamespaces }

// tokenNamespaceOf returns that of a name; nil for none.
func (ix *index) tokenNamespaceOf(name string) *model.TokenNamespace {
	return ix.snapshot.TokenNamespaceOf(name)
}

// hasFilter reports whether proxies have the filter that is made for a policy or a namespace.
func (ix *index) hasFilter(of diag.Object) bool { return ix.snapshot.HasFilter(of) }

// policies lists all OverridePolicies.
func (ix *index) policies() []model.Policy { return ix.snapshot.Policies }

// service returns a Service; nil if there is none of that name.
func (ix *index) service(name, namespace string) *model.Service {
	if s := ix.mesh.Service(ix.options.FQDN(name, namespace)); s != nil {
		return s.Kubernetes
	}
	return nil
}

// reaches returns the host of the Service whose pods get requests to a host.
func (ix *index) reaches(host string) string {
	for range len(ix.services()) { // no more steps, for a circle of aliases
		next := ix.mesh.Concrete(host)
		if s := ix.mesh.Service(next); next == host || s == nil || s.Kubernetes == nil {
			break
		}
		host = next
	}
	return host
}

// contested lists the ServiceEntries that have the host of a Service too.
func (ix *index) contested(host string) []diag.Object {
	if s := ix.mesh.Service(host); s != nil {
		return s.Contested
	}
	return nil
}

// serviceRoute returns a route of the Gateway API that is attached to s; nil for none.
func (ix *index) serviceRoute(s *model.Service) *model.ServiceRoute {
	return ix.serviceRoutes[[2]string{s.Namespace, s.Name}]
}

// callersIn lists the callers of a namespace that conditions may name.
func (ix *index) callersIn(namespace string) []model.Caller {
	if ix.callers == nil {
		ix.callers = map[string][]model.Caller{}
		for _, c := range ix.snapshot.Callers {
			ix.callers[c.Namespace] = append(ix.callers[c.Namespace], c)
		}
	}
	return ix.callers[namespace]
}

// namespaceLabels are the labels of a namespace; nil if they are not known.
func (ix *index) namespaceLabels(name string) map[string]string {
	return ix.snapshot.NamespaceLabels[name]
}

// uninjected lists the namespaces whose pods get no sidecars, with the label that says so.
func (ix *index) uninjected() map[string]string { return ix.snapshot.Uninjected }

// namespaces lists the namespaces of callers that the snapshot knows.
func (ix *index) namespaces() []string { return ix.snapshot.Namespaces }

// meshDefaults are the defaults that the configuration of the mesh gives to objects.
func (ix *index) meshDefaults() *model.MeshConfig { return &ix.snapshot.Mesh }

// keepsTogether reports whether a user's DestinationRule keeps the requests of a client at
// one pod: a pin of several parts would draw a part for each request.
func (ix *index) keepsTogether(host string) bool {
	hashes := func(l *istioapi.LoadBalancerSettings) bool { return l.GetConsistentHash() != nil }
	return slices.ContainsFunc(ix.mesh.UserRules(host), func(r *mesh.Rule) bool {
		return hashes(r.Policy.GetLoadBalancer()) || slices.ContainsFunc(r.Policy.GetPortLevelSettings(), func(p *istioapi.TrafficPolicy_PortTrafficPolicy) bool {
			return hashes(p.GetLoadBalancer())
		})
	})
}

// islandsOf returns what decides about a host, for every order of objects that may
// matter.
func (ix *index) islandsOf(host string) []*mesh.Island {
	if out, known := ix.islands[host]; known {
		return out
	}
	first := ix.mesh.Island([]string{host}, nil, mesh.Order{})
	out := []*mesh.Island{first}
	for _, order := range first.Orders() {
		if order != first.Order() {
			out = append(out, ix.mesh.Island([]string{host}, nil, order))
		}
	}
	ix.islands[host] = out
	return out
}

// permits reports whether HTTPRoutes of a namespace may lead to a Service.
func (ix *index) permits(namespace string, to *model.Service) bool {
	return namespace == to.Namespace || slices.ContainsFunc(ix.snapshot.Grants, func(g model.Grant) bool {
		return g.Namespace == to.Namespace && g.From == namespace && (g.Service == "" || g.Service == to.Name)
	})
}

// httpRoutes lists the HTTPRoutes on gateways.
func (ix *index) httpRoutes() []model.HTTPRoute { return ix.snapshot.HTTPRoutes }

// liveGrants lists the OverrideGrants that are live, the oldest first.
func (ix *index) liveGrants() []model.OverrideGrant { return ix.snapshot.OverrideGrants }

// entrances lists the Ingresses, and the routes of the Gateway API on gateways.
func (ix *index) entrances() []model.Entrance { return ix.snapshot.Entrances }

// kubernetesGateway returns the Gateway of a parent of an HTTPRoute; nil if it is not known.
func (ix *index) kubernetesGateway(p *route.Parent) *model.KubernetesGateway {
	gateways := ix.snapshot.KubernetesGateways
	at := slices.IndexFunc(gateways, func(g model.KubernetesGateway) bool { return g.Serves(p) })
	if at < 0 {
		return nil
	}
	return &gateways[at]
}
