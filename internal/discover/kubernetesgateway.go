package discover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// kubernetesGateway is the fields of a Gateway of the Gateway API that are read.
type kubernetesGateway struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		GatewayClassName string            `json:"gatewayClassName"`
		Listeners        []gatewayListener `json:"listeners"`
		Addresses        []struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"addresses"`
	} `json:"spec"`
}

type gatewayListener struct {
	Name          string `json:"name"`
	Port          uint32 `json:"port"`
	Protocol      string `json:"protocol"`
	Hostname      string `json:"hostname"`
	AllowedRoutes struct {
		Kinds []struct {
			Group *string `json:"group"`
			Kind  string  `json:"kind"`
		} `json:"kinds"`
		Namespaces struct {
			From     string                `json:"from"`
			Selector *metav1.LabelSelector `json:"selector"`
		} `json:"namespaces"`
	} `json:"allowedRoutes"`
}

// listenerSet is the fields of a ListenerSet that are read.
type listenerSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		ParentRef reference         `json:"parentRef"`
		Listeners []gatewayListener `json:"listeners"`
	} `json:"spec"`
}

// gatewayClass is the fields of a GatewayClass that are read.
type gatewayClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		ControllerName string `json:"controllerName"`
	} `json:"spec"`
}

// referenceGrant is the fields of a ReferenceGrant that are read.
type referenceGrant struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		From []reference `json:"from"`
		To   []reference `json:"to"`
	} `json:"spec"`
}

// GatewayPart is the trimmed form of a Gateway of the Gateway API, or of an object that
// belongs to one; one of the parts is set.
type GatewayPart struct {
	Meta

	Kind string
	// Gateway is a Gateway. Its listeners are only its own, and Notes are its annotations
	// that are about Overrides, or nearly.
	Gateway *model.KubernetesGateway
	Notes   map[string]string
	// Set is the listeners of a ListenerSet, and Of its Gateway as namespace and name.
	Set []model.Listener
	Of  [2]string
	// Controller is that of a GatewayClass.
	Controller string
	// Grants are those of a ReferenceGrant.
	Grants []model.Grant
}

// gatewayPartSource is an object with the trimmed form of a [GatewayPart].
type gatewayPartSource interface{ trim() *GatewayPart }

// trim returns the trimmed form of in. The pods of a Gateway that names Services by its
// addresses are those of the first (pilot/pkg/config/kube/gateway: extractGatewayServices).
func (in *kubernetesGateway) trim() *GatewayPart {
	g := &model.KubernetesGateway{Namespace: in.Namespace, Name: in.Name, Class: in.Spec.GatewayClassName, Pods: in.Namespace}
	for _, a := range in.Spec.Addresses {
		if a.Type != "" && a.Type != "Hostname" {
			continue
		}
		host := append(strings.Split(a.Value, "."), in.Namespace)
		if len(host) > 2 && len(g.Services) == 0 {
			g.Pods = host[1]
		}
		g.Services = append(g.Services, host[0]+"."+host[1])
	}
	if len(g.Services) == 0 {
		g.Services = []string{in.Name + "-" + in.Spec.GatewayClassName + "." + in.Namespace} // which Istio makes
	}
	for _, l := range in.Spec.Listeners {
		g.Listeners = append(g.Listeners, listenerOf(l, [2]string{}, in.Namespace))
	}
	out := &GatewayPart{Meta: metaOf(in), Kind: diag.KubernetesGateway, Gateway: g, Notes: map[string]string{}}
	for key, value := range in.Annotations {
		if domain, _, _ := strings.Cut(key, "/"); isNearDomain(domain) || strings.HasPrefix(key, AnnotationPrefix) {
			out.Notes[key] = value
		}
	}
	return out
}

// listenerOf returns a listener of an object in a namespace.
func listenerOf(l gatewayListener, set [2]string, namespace string) model.Listener {
	out := model.Listener{Set: set, Name: l.Name, Port: l.Port, Protocol: l.Protocol, Hostname: l.Hostname, Namespaces: l.namespaces(namespace)}
	for _, k := range l.AllowedRoutes.Kinds {
		if k.Group == nil || *k.Group == gatewayGroup {
			out.Kinds = append(out.Kinds, k.Kind)
		} else {
			out.Kinds = append(out.Kinds, *k.Group+"/"+k.Kind)
		}
	}
	return out
}

// namespaces are those whose routes a listener of an object in a namespace admits
// (pilot/pkg/config/kube/gateway: namespacesFromSelector).
func (l *gatewayListener) namespaces(own string) model.NamespaceSelector {
	in := l.AllowedRoutes.Namespaces
	switch {
	case in.From == "" || in.From == "Same":
		return namespacesNamed(own)
	case in.From == "All" || in.Selector == nil:
		return model.NamespaceSelector{All: true}
	}
	out, err := selectorOf(in.Selector)
	if err != nil {
		return model.NamespaceSelector{}
	}
	return out
}

func (in *listenerSet) trim() *GatewayPart {
	out := &GatewayPart{Meta: metaOf(in), Kind: "ListenerSet", Of: [2]string{cmp.Or(in.Spec.ParentRef.Namespace, in.Namespace), in.Spec.ParentRef.Name}}
	for _, l := range in.Spec.Listeners {
		out.Set = append(out.Set, listenerOf(l, [2]string{in.Namespace, in.Name}, in.Namespace))
	}
	return out
}

func (in *gatewayClass) trim() *GatewayPart {
	return &GatewayPart{Meta: metaOf(in), Kind: "GatewayClass", Controller: in.Spec.ControllerName}
}

// trim returns the grants from HTTPRoutes to Services.
func (in *referenceGrant) trim() *GatewayPart {
	out := &GatewayPart{Meta: metaOf(in), Kind: "ReferenceGrant"}
	for i := range in.Spec.From {
		if group, kind := in.Spec.From[i].as("", ""); group != gatewayGroup || kind != "HTTPRoute" {
			continue
		}
		for j := range in.Spec.To {
			if group, kind := in.Spec.To[j].as("", ""); group == "" && kind == "Service" {
				out.Grants = append(out.Grants, model.Grant{Namespace: in.Namespace, From: in.Spec.From[i].Namespace, Service: in.Spec.To[j].Name})
			}
		}
	}
	return out
}

// waypointController is the controller of waypoints that are Envoys.
const waypointController = "istio.io/mesh-controller"

// isWaypoint reports whether a Gateway of the Gateway API is a waypoint. One of an agentgateway
// knows no VirtualServices.
func isWaypoint(g *model.KubernetesGateway) bool { return g.Controller == waypointController }

// builtinClasses are the classes that Istio has without an object, with their controllers
// (pilot/pkg/config/kube/gatewaycommon: GetAllClasses).
var builtinClasses = map[string]string{
	"istio":                       model.IstioGatewayController,
	"istio-remote":                "istio.io/unmanaged-gateway",
	"istio-waypoint":              waypointController,
	"istio-east-west":             "istio.io/eastwest-controller",
	"istio-agentgateway":          "istio.io/agentgateway-controller",
	"istio-agentgateway-waypoint": "istio.io/agentgateway-waypoint-controller",
}

// readKubernetesGateways adds the Gateways of the Gateway API to the snapshot, with their
// controllers and all their listeners, and the grants.
func (r *reader) readKubernetesGateways() {
	controllers, sets := maps.Clone(builtinClasses), map[[2]string][]model.Listener{}
	parts := slices.SortedFunc(slices.Values(r.GatewayParts), func(a, b *GatewayPart) int { return byName(a.Namespace, a.Name, b.Namespace, b.Name) })
	for _, p := range parts {
		if p.Controller != "" {
			controllers[p.Name] = p.Controller
		}
		sets[p.Of] = append(sets[p.Of], p.Set...)
		r.snapshot.Grants = append(r.snapshot.Grants, p.Grants...)
	}
	for _, p := range parts {
		if p.Gateway == nil {
			continue
		}
		g := *p.Gateway
		g.Namespace, g.Origin, g.Controller = p.Namespace, r.Origins[g.Object()], controllers[g.Class]
		unfollowed, follows := r.readFollow(g.Object(), p.Notes)
		if g.Follows = follows; unfollowed {
			g.Ignored = fmt.Sprintf("%s has the annotation %s: \"false\"", g.Object(), followAnnotation)
		}
		g.Listeners = slices.Concat(g.Listeners, sets[[2]string{g.Namespace, g.Name}])
		r.snapshot.KubernetesGateways = append(r.snapshot.KubernetesGateways, g)
	}
}

// readFollow returns whether the annotations of a gateway say that it does not follow
// overrides, or that it does, and reports those that say nothing.
func (r *reader) readFollow(gateway diag.Object, annotations map[string]string) (unfollowed, follows bool) {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		switch value := strings.TrimSpace(annotations[key]); {
		case key == followAnnotation && value == "false":
			unfollowed = true
		case key == followAnnotation && value == "true":
			follows = true
		case key == followAnnotation:
			r.report(diag.InvalidAnnotation, gateway, "%s: %q is neither true nor false", key, value)
		case strings.HasPrefix(key, AnnotationPrefix):
			r.reportName(gateway, "Gateways have no annotation "+key, "remove it; there is "+followAnnotation)
		default:
			r.reportDomain(gateway, key, "follow")
		}
	}
	return unfollowed, follows
}
