package discover

import (
	"cmp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Route is the trimmed form of an Ingress, or of a route of the Gateway API. It lists
// Services by namespace and name, each once.
type Route struct {
	Meta

	Kind string
	// Parents are the Services that it is attached to.
	Parents [][2]string
	// Backends are the Services that requests from gateways, or copies of them, go to;
	// none if it is attached to no gateway.
	Backends [][2]string
	// HTTP is an HTTPRoute on gateways with all that decides where it leads, or a GRPCRoute; nil
	// for others.
	HTTP *model.HTTPRoute
}

// gatewayRoute is the fields of an HTTPRoute, GRPCRoute, TCPRoute or TLSRoute of the
// Gateway API that say what it is attached to and where it leads.
type gatewayRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		ParentRefs []parent `json:"parentRefs"`
		Hostnames  []string `json:"hostnames"`
		Rules      []struct {
			Filters     []routeFilter `json:"filters"`
			BackendRefs []struct {
				reference
				Filters []routeFilter `json:"filters"`
			} `json:"backendRefs"`
		} `json:"rules"`
	} `json:"spec"`
}

// parent is a parent of a route.
type parent struct {
	reference

	SectionName string `json:"sectionName"`
	Port        uint32 `json:"port"`
}

// reference names an object of any kind. The meaning of a nil Group and an empty Kind
// depends on the use of the reference.
type reference struct {
	Group     *string `json:"group"`
	Kind      string  `json:"kind"`
	Namespace string  `json:"namespace"`
	Name      string  `json:"name"`
}

type routeFilter struct {
	RequestMirror *struct {
		BackendRef reference `json:"backendRef"`
	} `json:"requestMirror"`
}

// as returns the group and the kind of the object that r names; group and kind are the
// defaults.
func (r *reference) as(group, kind string) (string, string) {
	if r.Group != nil {
		group = *r.Group
	}
	if group == "core" {
		group = "" // "core" is an older name (GEP-1294)
	}
	return group, cmp.Or(r.Kind, kind)
}

// service returns the Service that a backend names, if it names one (istio
// pilot/pkg/config/kube/gateway: buildDestination). namespace is the route's.
func (r *reference) service(namespace string) ([2]string, bool) {
	namespace = cmp.Or(r.Namespace, namespace)
	switch group, kind := r.as("", "Service"); {
	case r.Name == "":
	case group == "" && kind == "Service", group == "multicluster.x-k8s.io" && kind == "ServiceImport":
		return [2]string{namespace, r.Name}, true
	case group == istioGroup && kind == "Hostname":
		if name := strings.SplitN(r.Name, ".", 4); len(name) > 2 && name[2] == "svc" {
			return [2]string{name[1], name[0]}, true
		}
	}
	return [2]string{}, false
}

// trimRoute returns the trimmed form of in.
func (in *gatewayRoute) trimRoute() *Route {
	out := &Route{Meta: metaOf(in), Kind: in.Kind}
	entry := false
	for i := range in.Spec.ParentRefs {
		p := &in.Spec.ParentRefs[i]
		switch group, kind := p.as(gatewayGroup, "Gateway"); {
		case group == "" && kind == "Service":
			out.Parents = append(out.Parents, [2]string{cmp.Or(p.Namespace, in.Namespace), p.Name})
		case group == istioGroup && kind == "ServiceEntry":
			// Waypoints have such a route, and no gateway.
		default:
			entry = true
		}
	}
	add := func(r *reference) {
		if service, ok := r.service(in.Namespace); ok && entry {
			out.Backends = append(out.Backends, service)
		}
	}
	mirrors := func(filters []routeFilter) {
		for i := range filters {
			if m := filters[i].RequestMirror; m != nil {
				add(&m.BackendRef)
			}
		}
	}
	for i := range in.Spec.Rules {
		rule := &in.Spec.Rules[i]
		mirrors(rule.Filters)
		for j := range rule.BackendRefs {
			add(&rule.BackendRefs[j].reference)
			mirrors(rule.BackendRefs[j].Filters)
		}
	}
	out.Parents, out.Backends = sortedServices(out.Parents), sortedServices(out.Backends)
	if in.Kind == "GRPCRoute" {
		if out.HTTP = in.onGateways(); out.HTTP != nil {
			out.HTTP.GRPC = true
		}
	}
	return out
}

// onGateways returns in as an HTTPRoute without rules; nil if it is attached to no Gateway and
// no ListenerSet.
func (in *gatewayRoute) onGateways() *model.HTTPRoute {
	out := &model.HTTPRoute{Namespace: in.Namespace, Name: in.Name, Created: in.CreationTimestamp.Time}
	out.Attached.Hostnames = in.Spec.Hostnames
	for i := range in.Spec.ParentRefs {
		p := &in.Spec.ParentRefs[i]
		if group, kind := p.as(gatewayGroup, "Gateway"); group == gatewayGroup && (kind == "Gateway" || kind == "ListenerSet") {
			out.Attached.Parents = append(out.Attached.Parents, route.Parent{
				Kind: kind, Namespace: cmp.Or(p.Namespace, in.Namespace), Name: p.Name, Section: p.SectionName, Port: p.Port,
			})
		}
	}
	if len(out.Attached.Parents) == 0 {
		return nil
	}
	return out
}

// decodeIngress decodes an Ingress. No API server takes v1beta1 any more, but manifests
// still have it: its backends are converted.
func decodeIngress(doc []byte) (metav1.Object, error) {
	out := &networkingv1.Ingress{}
	if err := strictly(doc, out, kjson.DisallowDuplicateFields); err != nil || out.APIVersion != networkingv1beta1.SchemeGroupVersion.String() {
		return out, err
	}
	old := &networkingv1beta1.Ingress{}
	err := strictly(doc, old, kjson.DisallowDuplicateFields)
	convert := func(b *networkingv1beta1.IngressBackend) *networkingv1.IngressBackend {
		if b == nil || b.ServiceName == "" {
			return nil
		}
		return &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: b.ServiceName}}
	}
	out.Spec.DefaultBackend = convert(old.Spec.Backend)
	for i := range old.Spec.Rules {
		for j := 0; old.Spec.Rules[i].HTTP != nil && j < len(old.Spec.Rules[i].HTTP.Paths); j++ {
			if b := convert(&old.Spec.Rules[i].HTTP.Paths[j].Backend); b != nil {
				out.Spec.Rules[i].HTTP.Paths[j].Backend = *b
			}
		}
	}
	return out, err
}

// ingressRoute returns the trimmed form of an Ingress. A backend that is no Service is an
// object for the ingress controller.
func ingressRoute(in *networkingv1.Ingress) *Route {
	out := &Route{Meta: metaOf(in), Kind: "Ingress"}
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil && b.Service.Name != "" {
			out.Backends = append(out.Backends, [2]string{in.Namespace, b.Service.Name})
		}
	}
	add(in.Spec.DefaultBackend)
	for i := range in.Spec.Rules {
		if http := in.Spec.Rules[i].HTTP; http != nil {
			for j := range http.Paths {
				add(&http.Paths[j].Backend)
			}
		}
	}
	out.Backends = sortedServices(out.Backends)
	return out
}

func sortedServices(services [][2]string) [][2]string {
	slices.SortFunc(services, func(a, b [2]string) int { return byName(a[0], a[1], b[0], b[1]) })
	return slices.Compact(services)
}

// readRoutes adds the Ingresses and the routes of the Gateway API to the snapshot.
func (r *reader) readRoutes() {
	for _, in := range r.Routes {
		object := diag.Object{Kind: in.Kind, Namespace: in.Namespace, Name: in.Name}
		if len(in.Parents) > 0 {
			r.snapshot.ServiceRoutes = append(r.snapshot.ServiceRoutes, model.ServiceRoute{
				Kind: in.Kind, Namespace: in.Namespace, Name: in.Name, Services: in.Parents,
			})
		}
		if in.Kind == "HTTPRoute" {
			r.snapshot.Foreign = append(r.snapshot.Foreign, object)
		}
		if in.HTTP != nil {
			out := *in.HTTP
			out.Origin = r.Origins[object]
			r.snapshot.HTTPRoutes = append(r.snapshot.HTTPRoutes, out)
		}
		if len(in.Backends) > 0 {
			r.snapshot.Entrances = append(r.snapshot.Entrances, model.Entrance{
				Kind: in.Kind, Namespace: in.Namespace, Name: in.Name, Origin: r.Origins[object], Services: in.Backends,
			})
		}
	}
}
