package island

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Tie is a name that objects have in common: objects with the same tie are in one island.
//
//	kind            names                                       of
//	--------------  ------------------------------------------  --------------------------
//	of an object    that object                                 it, and those that refer to it
//	Host            a host that the mesh may know               what has it, or leads to it
//	GatewayHost     a host of gateways                          what has routes for it there
//	KubernetesHost  a host of a Kubernetes Gateway              what has routes for it there
//	Claim           the name of an object that may be written   what may write it, or has it
type Tie = diag.Object

const (
	hostKind  = "Host"
	claimKind = "Claim"
	// gatewayKind is for hosts of VirtualServices on gateways, whose wildcards have nothing to
	// do with Services.
	gatewayKind = "GatewayHost"
	// kubernetesKind is for hosts at Kubernetes Gateways.
	kubernetesKind = "KubernetesHost"
)

// HostTie is the tie of a host.
func HostTie(host string) Tie { return Tie{Kind: hostKind, Name: host} }

// ServiceTie is the tie of a Service.
func ServiceTie(namespace, name string) Tie {
	return Tie{Kind: "Service", Namespace: namespace, Name: name}
}

// ties are what one object is tied to.
type ties struct {
	options *model.Options
	names   []Tie
	// wildcards are hosts with a "*" that the object has routes for.
	wildcards []Tie
	// labels are those by which selectors select it, selectors those by which it selects.
	labels    []*discover.Labels
	selectors []map[string]string
	// common is set where the object counts for all islands, grant where it is an OverrideGrant,
	// which counts for those with rows for live grants.
	common, grant bool
}

func (t *ties) add(kind, namespace, name string) {
	if name != "" {
		t.names = append(t.names, Tie{Kind: kind, Namespace: namespace, Name: name})
	}
}

// claim adds the name of an object that may be written.
func (t *ties) claim(namespace, base string) {
	t.add(claimKind, namespace, compile.ObjectName(base))
}

// claimed adds the name of an object that is there and that may be one to be written.
func (t *ties) claimed(namespace, name string) {
	if strings.HasSuffix(name, compile.ObjectSuffix) {
		t.add(claimKind, namespace, name)
	}
}

// host adds a host, as an object of namespace names it, under all names by which callers
// may mean the same (package mesh: names).
func (t *ties) host(host, namespace string) {
	host = strings.ToLower(strings.TrimSuffix(t.options.Resolve(host, namespace), "."))
	if strings.HasPrefix(host, "*") {
		t.wildcards = append(t.wildcards, HostTie(host))
		if host = strings.TrimPrefix(host, "*."); strings.HasPrefix(host, "*") {
			return
		}
	}
	if host == "" {
		return
	}
	t.names = append(t.names, HostTie(host))
	suffix := ".svc." + t.options.ClusterDomain
	short, full := strings.CutSuffix(host, suffix)
	if !full {
		short = strings.TrimSuffix(host, ".svc")
		t.names = append(t.names, HostTie(short+suffix))
	}
	// A pod of a headless Service.
	if parts := strings.Split(short, "."); len(parts) > 2 {
		t.names = append(t.names, HostTie(strings.Join(parts[len(parts)-2:], ".")+suffix))
	}
}

// domains are the names of a host that wildcards may cover.
func domains(host, clusterDomain string) []string {
	out := []string{host, host + "."}
	if short, full := strings.CutSuffix(host, ".svc."+clusterDomain); full {
		name, _, _ := strings.Cut(short, ".")
		out = append(out, short+".svc", short, name)
	}
	return out
}

// overlap reports whether a wildcard covers any name of a host of its kind, which may be one
// itself.
func (x *index) overlap(wildcard, host Tie) bool {
	switch {
	case host.Kind != wildcard.Kind:
		return false
	case host.Kind == gatewayKind, host.Kind == kubernetesKind:
		return mesh.Overlap(wildcard.Name, host.Name)
	}
	return slices.ContainsFunc(domains(host.Name, x.options.ClusterDomain), func(d string) bool { return mesh.Overlap(wildcard.Name, d) })
}

// of adds what an object is tied to.
func (t *ties) of(object discover.Object) {
	switch x := object.(type) {
	case *corev1.Service:
		t.ofService(x)
	case *discover.Pod:
		t.add(x.Workload.Kind, x.Namespace, x.Workload.Name)
		t.labels = append(t.labels, x.Labels)
	case *discover.Workload:
		t.ofWorkload(x)
	case *discover.EndpointSlice:
		t.add("Service", x.Namespace, x.Service)
	case *discover.Canary:
		t.ofCanary(x)
	case *discover.VirtualService:
		t.ofVirtualService(x)
	case *discover.DestinationRule:
		t.add("DestinationRule", x.Namespace, x.Name)
		t.claimed(x.Namespace, x.Name)
		t.steeredBy(&x.ObjectMeta)
		t.host(x.Spec.GetHost(), x.Namespace)
		t.common, t.wildcards = len(t.wildcards) > 0, nil
	case *discover.ServiceEntry:
		t.ofServiceEntry(x)
	case *discover.Unread:
		t.add(x.Kind, x.Namespace, x.Name)
		t.add("Service", x.Namespace, x.Service)
		t.labels = append(t.labels, x.Templates...)
	case *discover.Route:
		t.add(x.Kind, x.Namespace, x.Name)
		for _, s := range x.Parents {
			t.add("Service", s[0], s[1])
		}
		for _, s := range x.Backends {
			t.add("Service", s[0], s[1])
		}
		if x.HTTP != nil {
			t.ofHTTPRoute(x.HTTP)
		}
	case *discover.Written:
		t.add(x.Kind, x.Namespace, x.Name)
		t.names = append(t.names, HostTie(x.Host))
	case *v1alpha1.OverridePolicy:
		t.add("OverridePolicy", x.Namespace, x.Name)
		for _, ref := range x.Spec.TargetRefs {
			t.add("Service", x.Namespace, ref.Name)
		}
	case *v1alpha1.OverrideGrant:
		t.common, t.grant = true, true
	default:
		t.common = true
	}
}

func (t *ties) ofService(s *corev1.Service) {
	t.add("Service", s.Namespace, s.Name)
	t.host(t.options.FQDN(s.Name, s.Namespace), s.Namespace)
	t.claim(s.Namespace, s.Name)
	t.steeredBy(&s.ObjectMeta)
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		t.host(s.Spec.ExternalName, s.Namespace)
	}
	namespace, base := discover.BaseOf(s)
	t.add("Service", namespace, base)
	if len(s.Spec.Selector) == 0 {
		return
	}
	t.selectors = append(t.selectors, s.Spec.Selector)
	// The selector as it would be without the controller that changes it.
	usual, changed := make(map[string]string, len(s.Spec.Selector)), false
	for key, value := range s.Spec.Selector {
		target, isPrimary := strings.CutSuffix(value, "-primary")
		changed = changed || isPrimary || key == model.RolloutHash
		if key != model.RolloutHash {
			usual[key] = target
		}
	}
	if changed && len(usual) > 0 {
		t.selectors = append(t.selectors, usual)
	}
}

// steeredBy adds what has made an object.
func (t *ties) steeredBy(meta *metav1.ObjectMeta) {
	if owner := metav1.GetControllerOfNoCopy(meta); owner != nil {
		t.add(owner.Kind, meta.Namespace, owner.Name)
	}
}

func (t *ties) ofWorkload(w *discover.Workload) {
	t.add(w.Kind, w.Namespace, w.Name)
	t.add("Deployment", w.Namespace, w.TemplateOf)
	if w.Template != nil {
		t.labels = append(t.labels, w.Template)
	}
	t.names = append(t.names, w.Steers...)
}

func (t *ties) ofCanary(c *discover.Canary) {
	t.add("Canary", c.Namespace, c.Name)
	t.names = append(t.names, c.Steers()...)
	t.add(c.Target.Kind, c.Namespace, c.Target.Name)
	t.add(c.Target.Kind, c.Namespace, c.Target.Name+"-primary")
}

func (t *ties) ofVirtualService(v *discover.VirtualService) {
	t.add("VirtualService", v.Namespace, v.Name)
	t.claim(v.Namespace, v.Name)
	t.claim(v.Namespace, v.Name+"-hosts")
	t.claim(v.Namespace, v.Name+compile.GatewaySuffix)
	t.claimed(v.Namespace, v.Name)
	t.steeredBy(&v.ObjectMeta)
	namespaces := t.namespacesOf(v)
	for _, host := range v.Spec.GetHosts() {
		t.host(host, v.Namespace)
		for _, namespace := range namespaces {
			if t.options.Resolve(host, namespace) != t.options.Resolve(host, v.Namespace) {
				t.host(host, namespace)
			}
		}
	}
	if !mesh.BoundToMesh(v.Spec.GetGateways()) {
		t.wildcards = nil // which no sidecar looks at
	}
	if mesh.BoundToGateways(v.Spec.GetGateways()) {
		t.onGateways(v)
	}
	t.leadsTo(v)
}

// leadsTo adds where the routes of a VirtualService lead.
func (t *ties) leadsTo(v *discover.VirtualService) {
	to := func(d *istioapi.Destination) {
		if d.GetHost() != "" {
			t.host(d.GetHost(), v.Namespace)
		}
	}
	for _, h := range v.Spec.GetHttp() {
		for _, r := range h.GetRoute() {
			to(r.GetDestination())
		}
		to(h.GetMirror())
		for _, m := range h.GetMirrors() {
			to(m.GetDestination())
		}
		if d := h.GetDelegate(); d != nil {
			namespace := d.GetNamespace()
			if namespace == "" {
				namespace = v.Namespace
			}
			t.add("VirtualService", namespace, d.GetName())
		}
	}
	for _, r := range v.Spec.GetTcp() {
		for _, d := range r.GetRoute() {
			to(d.GetDestination())
		}
	}
	for _, r := range v.Spec.GetTls() {
		for _, d := range r.GetRoute() {
			to(d.GetDestination())
		}
	}
}

// ofHTTPRoute adds the hosts of an HTTPRoute or GRPCRoute at Kubernetes Gateways, and the
// HTTPRoutes whose objects may have names like those for this one. Gateways don't count: those
// of several may have the same pods.
func (t *ties) ofHTTPRoute(r *model.HTTPRoute) {
	for _, host := range mesh.HostnamesOf(&r.Attached) {
		tie := Tie{Kind: kubernetesKind, Name: strings.ToLower(host)}
		if strings.HasPrefix(host, "*") {
			t.wildcards = append(t.wildcards, tie)
		}
		t.names = append(t.names, tie)
	}
	if r.GRPC {
		return
	}
	base := r.Name
	for range 2 { // the parts of NAME.SERVICE.N
		if at := strings.LastIndex(base, "."); at > 0 {
			base = base[:at]
			t.add("HTTPRoute", r.Namespace, base)
		}
	}
}

// onGateways adds the hosts of a VirtualService at gateways. Gateways have routes of one for
// "*.example.com" for a host under it, too, if that is what a server of theirs has.
func (t *ties) onGateways(v *discover.VirtualService) {
	for _, host := range v.Spec.GetHosts() {
		host = strings.ToLower(t.options.Resolve(host, v.Namespace))
		tie := Tie{Kind: gatewayKind, Name: host}
		if strings.HasPrefix(host, "*") {
			t.wildcards = append(t.wildcards, tie)
		}
		t.names = append(t.names, tie)
	}
}

// namespacesOf lists the namespaces of the Services that a VirtualService has routes for. A
// table with its hosts may be in any of these, where a short host means another Service.
func (t *ties) namespacesOf(v *discover.VirtualService) []string {
	var out []string
	for _, host := range v.Spec.GetHosts() {
		full := strings.ToLower(t.options.Resolve(host, v.Namespace))
		if name, is := strings.CutSuffix(full, ".svc."+t.options.ClusterDomain); is {
			_, namespace, _ := strings.Cut(name, ".")
			out = append(out, namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (t *ties) ofServiceEntry(e *discover.ServiceEntry) {
	t.add("ServiceEntry", e.Namespace, e.Name)
	for _, host := range e.Spec.GetHosts() {
		t.host(host, e.Namespace)
	}
	t.common, t.wildcards = len(t.wildcards) > 0, nil
	if selector := e.Spec.GetWorkloadSelector().GetLabels(); len(selector) > 0 {
		t.selectors = append(t.selectors, selector)
	}
}
