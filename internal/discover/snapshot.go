package discover

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Snapshot returns the snapshot of the objects, and diagnostics about annotations and
// policies that can't be used. It does not change the objects, but shares parts of them.
func (o *Objects) Snapshot(options model.Options) (*model.Snapshot, []diag.Diagnostic) {
	r := &reader{Objects: o, snapshot: &model.Snapshot{Options: options}}
	r.indexSteering()
	groups := r.podGroups()
	byLabel := indexGroups(groups, o.Services)
	ready, terminating := readyPods(o.EndpointSlices), r.terminating()
	unread := r.indexUnread()
	r.snapshot.Services = slices.Grow(r.snapshot.Services, len(o.Services))
	for _, s := range o.Services {
		found := byLabel.selected(s.Namespace, s.Spec.Selector)
		out := r.readService(s)
		out.Backends = backends(found, r.readiness(ready, s), terminating)
		out.Unread = unread.behind(s.Namespace, s.Name, s.Spec.Selector)
		r.snapshot.Services = append(r.snapshot.Services, out)
	}
	r.readRemembered()
	r.dropOuts(byLabel)
	r.readPodNames()
	if !r.Part {
		r.advise(groups, byLabel)
	}
	r.readCallers(groups)
	r.readPolicies()
	r.readMesh()
	r.readRoutes()
	r.readKubernetesGateways()
	r.readGatewayPolicies()
	r.readPermittedPolicies()
	r.readGrants()
	r.readNamespaces()
	r.readGateways(groups)
	r.readMeshConfig()
	sortSnapshot(r.snapshot)
	return r.snapshot, diag.Sort(r.diags)
}

// reader fills a snapshot from objects.
type reader struct {
	*Objects
	snapshot *model.Snapshot
	diags    []diag.Diagnostic
	steering steering
}

func (r *reader) report(code diag.Code, object diag.Object, format string, args ...any) {
	r.diags = append(r.diags, diag.New(code, object, format, args...).At(r.Origins[object]))
}

// last returns the diagnostic that was added last.
func (r *reader) last() *diag.Diagnostic { return &r.diags[len(r.diags)-1] }

// readiness reports which pods count as ready behind a Service: those that its
// EndpointSlices list as ready. If no EndpointSlice was read at all, the pods' own condition
// counts; pods of YAML input are all ready.
func (r *reader) readiness(ready map[[2]string]map[string]bool, in *corev1.Service) func(*pod) bool {
	switch {
	case !r.Cluster:
		return func(*pod) bool { return true }
	case len(r.EndpointSlices) == 0 && !r.Sliced:
		return func(p *pod) bool { return p.ready }
	}
	names := ready[[2]string{in.Namespace, in.Name}]
	return func(p *pod) bool { return names[p.name] }
}

// readyPods lists the ready pods behind each Service.
func readyPods(slices []*EndpointSlice) map[[2]string]map[string]bool {
	out := make(map[[2]string]map[string]bool, len(slices))
	for _, s := range slices {
		key := [2]string{s.Namespace, s.Service}
		names := out[key]
		if names == nil {
			names = make(map[string]bool, len(s.Ready))
			out[key] = names
		}
		for _, name := range s.Ready {
			names[name] = true
		}
	}
	return out
}

// readMesh adds the user's Istio objects to the snapshot, without those that Overrides
// wrote.
func (r *reader) readMesh() {
	for _, v := range r.VirtualServices {
		object := diag.Object{Kind: "VirtualService", Namespace: v.Namespace, Name: v.Name}
		if isOurs(&v.ObjectMeta) {
			continue
		}
		r.snapshot.Foreign = append(r.snapshot.Foreign, object)
		r.snapshot.VirtualServices = append(r.snapshot.VirtualServices, model.VirtualService{
			Namespace: v.Namespace, Name: v.Name, Origin: r.Origins[object],
			Created: v.CreationTimestamp.Time, Revision: v.Labels[revisionLabel], Spec: &v.Spec, Unknown: v.Unknown,
			Steered: r.steering.of(object, &v.ObjectMeta),
		})
	}
	for _, d := range r.DestinationRules {
		object := diag.Object{Kind: "DestinationRule", Namespace: d.Namespace, Name: d.Name}
		if isOurs(&d.ObjectMeta) {
			continue
		}
		r.snapshot.Foreign = append(r.snapshot.Foreign, object)
		r.snapshot.DestinationRules = append(r.snapshot.DestinationRules, model.DestinationRule{
			Namespace: d.Namespace, Name: d.Name, Origin: r.Origins[object],
			Created: d.CreationTimestamp.Time, Revision: d.Labels[revisionLabel], Spec: &d.Spec, Unknown: d.Unknown,
			Steered: r.steering.of(object, &d.ObjectMeta),
		})
	}
	for _, s := range r.Sidecars {
		out := model.Sidecar{
			Namespace: s.Namespace, Name: s.Name, Created: s.CreationTimestamp.Time, Revision: s.Labels[revisionLabel], Spec: &s.Spec,
		}
		out.Origin = r.Origins[out.Object()]
		r.snapshot.Sidecars = append(r.snapshot.Sidecars, out)
	}
	for _, s := range r.ServiceEntries {
		out := model.ServiceEntry{
			Namespace: s.Namespace, Name: s.Name, Created: s.CreationTimestamp.Time, Revision: s.Labels[revisionLabel], Spec: &s.Spec,
		}
		out.Origin = r.Origins[out.Object()]
		r.snapshot.ServiceEntries = append(r.snapshot.ServiceEntries, out)
	}
}

// isOurs reports whether Overrides wrote an object.
func isOurs(meta *metav1.ObjectMeta) bool {
	return meta.Labels[istio.ManagedByLabel] == istio.ManagedBy
}

// kubernetesOwn are the namespaces that Kubernetes creates for itself. Users may have others
// whose names begin alike.
var kubernetesOwn = []string{"kube-system", "kube-public", "kube-node-lease"}

// readNamespaces lists the namespaces that callers may be in, with their revisions of Istio:
// all of a cluster but Kubernetes' own, or those that the manifests name.
func (r *reader) readNamespaces() {
	seen := map[string]bool{}
	r.snapshot.AllNamespaces = r.Cluster && len(r.Namespaces) > 0
	for _, n := range r.Namespaces {
		if n.DeletionTimestamp == nil {
			seen[n.Name] = true
		}
	}
	for i := range r.snapshot.Services {
		seen[r.snapshot.Services[i].Namespace] = true
	}
	for _, c := range r.snapshot.Callers {
		seen[c.Namespace] = true
	}
	for name := range seen {
		if !slices.Contains(kubernetesOwn, name) {
			r.snapshot.Namespaces = append(r.snapshot.Namespaces, name)
		}
	}
	r.snapshot.Tags = r.tags()
	r.snapshot.Revisions = r.revisions(r.snapshot.Tags)
	r.snapshot.Uninjected = r.uninjected()
	r.snapshot.NamespaceLabels = r.namespaceLabels()
}

// sortSnapshot makes the snapshot independent of the order of the input.
func sortSnapshot(s *model.Snapshot) {
	slices.Sort(s.Namespaces)
	slices.SortFunc(s.Services, func(a, b model.Service) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(s.Policies, func(a, b model.Policy) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(s.VirtualServices, func(a, b model.VirtualService) int {
		return byName(a.Namespace, a.Name, b.Namespace, b.Name)
	})
	slices.SortFunc(s.DestinationRules, func(a, b model.DestinationRule) int {
		return byName(a.Namespace, a.Name, b.Namespace, b.Name)
	})
	slices.SortFunc(s.ServiceRoutes, func(a, b model.ServiceRoute) int { return a.Object().Compare(b.Object()) })
	slices.SortFunc(s.Sidecars, func(a, b model.Sidecar) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(s.ServiceEntries, func(a, b model.ServiceEntry) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(s.Entrances, func(a, b model.Entrance) int { return a.Object().Compare(b.Object()) })
	slices.SortFunc(s.Gateways, func(a, b model.Gateway) int { return a.Object().Compare(b.Object()) })
	slices.SortFunc(s.HTTPRoutes, func(a, b model.HTTPRoute) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	slices.SortFunc(s.Grants, func(a, b model.Grant) int {
		return cmp.Or(byName(a.Namespace, a.From, b.Namespace, b.From), cmp.Compare(a.Service, b.Service))
	})
	slices.SortFunc(s.Foreign, diag.Object.Compare)
	s.Callers = CompactCallers(s.Callers)
}

func byName(namespaceA, nameA, namespaceB, nameB string) int {
	return cmp.Or(cmp.Compare(namespaceA, namespaceB), cmp.Compare(nameA, nameB))
}
