package discover

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// Objects are the Kubernetes objects that the snapshot is made from. The zero
// Objects is empty and ready for use.
type Objects struct {
	Namespaces       []*corev1.Namespace
	Services         []*corev1.Service
	Pods             []*Pod
	EndpointSlices   []*EndpointSlice
	Workloads        []*Workload
	Canaries         []*Canary
	VirtualServices  []*VirtualService
	DestinationRules []*DestinationRule
	Gateways         []*istionetv1.Gateway
	Sidecars         []*Sidecar
	ServiceEntries   []*ServiceEntry
	Routes           []*Route
	OwnRoutes        []*OwnRoute
	GatewayParts     []*GatewayPart
	Unread           []*Unread
	MeshConfigs      []*MeshConfig
	Tags             []*Tag
	Written          []*Written
	Policies         []*v1alpha1.OverridePolicy
	GatewayPolicies  []*v1alpha1.GatewayOverridePolicy
	OverrideGrants   []*v1alpha1.OverrideGrant
	TokenChecks      []*istiosecv1.RequestAuthentication
	Authorizers      []*istiosecv1.AuthorizationPolicy

	// Cluster is set for objects of a cluster, whose pods are read; pods of YAML input are
	// known by the templates of their workloads.
	Cluster bool
	// Part is set for a part of the objects of a cluster: there is no advice then, which
	// depends on the others too. Sliced is set if the whole has EndpointSlices.
	Part, Sliced bool
	// GatewaysOfWhole are the Gateways that select pods of this part, too.
	GatewaysOfWhole []*istionetv1.Gateway
	// Origins has the places that objects were read from; objects of a cluster have none.
	Origins map[diag.Object]diag.Origin
	// Documents are Services and workloads as they were read, in JSON, if [ParseWhole] parsed
	// them.
	Documents map[diag.Object][]byte
	// PassedOver counts objects of kinds that decide no route.
	PassedOver int

	// index finds an object that was added before in the slice of its kind.
	index map[diag.Object]int
}

// VirtualService is a VirtualService of the user's.
type VirtualService struct {
	*istionetv1.VirtualService
	// Unknown lists the JSON paths of fields that this version of Overrides does not know:
	// a copy would lose them.
	Unknown []string
}

// DestinationRule is a DestinationRule of the user's.
type DestinationRule struct {
	*istionetv1.DestinationRule
	// Unknown lists the JSON paths of what this version of Overrides does not know.
	Unknown []string
}

// Sidecar is a Sidecar of Istio's.
type Sidecar struct {
	*istionetv1.Sidecar
	// Unknown lists the JSON paths of what this version of Overrides does not know.
	Unknown []string
}

// ServiceEntry is a ServiceEntry of Istio's.
type ServiceEntry struct {
	*istionetv1.ServiceEntry
	// Unknown lists the JSON paths of what this version of Overrides does not know.
	Unknown []string
}

// Add adds the objects of a document. Of two objects of one name the later one counts, as
// with kubectl apply; a diagnostic says so.
func (o *Objects) Add(p Parsed) []diag.Diagnostic {
	diags := p.Diagnostics
	o.PassedOver += p.PassedOver
	if o.index == nil {
		o.index = map[diag.Object]int{}
		o.Origins, o.Documents = map[diag.Object]diag.Origin{}, map[diag.Object][]byte{}
	}
	for _, item := range p.objects {
		if isGenerated(item.name.Name) {
			o.put(item.object, -1)
			continue
		}
		at, again := o.index[item.name]
		if again {
			diags = append(diags, duplicate(item.name, o.Origins[item.name], p.Origin))
		} else {
			at = -1
		}
		o.index[item.name] = o.put(item.object, at)
		if item.document != nil {
			o.Documents[item.name] = item.document
		}
		if p.Origin != (diag.Origin{}) {
			o.Origins[item.name] = p.Origin
		}
	}
	return diags
}

// isGenerated reports whether a name is a prefix that the API server will complete: any
// number of objects may have it.
func isGenerated(name string) bool { return name == "" || strings.HasSuffix(name, "-") }

func duplicate(name diag.Object, before, now diag.Origin) diag.Diagnostic {
	place := before.String()
	switch {
	case place == "":
		place = "the input"
	case before == now:
		place = "the same document"
	}
	return diag.New(diag.DuplicateObject, name, "it is also defined in %s; this definition is used", place).At(now)
}

// Put adds an object of a cluster, whose name is unique.
func (o *Objects) Put(object Object) { o.put(object, -1) }

// put stores an object in the slice of its kind, at an index or, if that is
// negative, at the end, and returns the index.
func (o *Objects) put(object Object, at int) int {
	switch x := object.(type) {
	case *corev1.Namespace:
		return place(&o.Namespaces, x, at)
	case *corev1.Service:
		return place(&o.Services, x, at)
	case *Pod:
		return place(&o.Pods, x, at)
	case *EndpointSlice:
		return place(&o.EndpointSlices, x, at)
	case *Workload:
		return place(&o.Workloads, x, at)
	case *Canary:
		return place(&o.Canaries, x, at)
	case *VirtualService:
		return place(&o.VirtualServices, x, at)
	case *DestinationRule:
		return place(&o.DestinationRules, x, at)
	case *istionetv1.Gateway:
		return place(&o.Gateways, x, at)
	case *Sidecar:
		return place(&o.Sidecars, x, at)
	case *ServiceEntry:
		return place(&o.ServiceEntries, x, at)
	case *Unread:
		return place(&o.Unread, x, at)
	case *MeshConfig:
		return place(&o.MeshConfigs, x, at)
	case *Tag:
		return place(&o.Tags, x, at)
	case *Written:
		return place(&o.Written, x, at)
	case *v1alpha1.OverridePolicy:
		return place(&o.Policies, x, at)
	}
	if at, is := o.putEntry(object, at); is {
		return at
	}
	return o.putAttached(object, at)
}

// putEntry is put for what decides about overrides that come from outside.
func (o *Objects) putEntry(object Object, at int) (int, bool) {
	switch x := object.(type) {
	case *v1alpha1.GatewayOverridePolicy:
		return place(&o.GatewayPolicies, x, at), true
	case *v1alpha1.OverrideGrant:
		return place(&o.OverrideGrants, x, at), true
	case *istiosecv1.RequestAuthentication:
		return place(&o.TokenChecks, x, at), true
	case *istiosecv1.AuthorizationPolicy:
		return place(&o.Authorizers, x, at), true
	}
	return at, false
}

// putAttached is put for the kinds of the Gateway API, and Ingresses.
func (o *Objects) putAttached(object Object, at int) int {
	switch x := object.(type) {
	case *Route:
		return place(&o.Routes, x, at)
	case *OwnRoute:
		return place(&o.OwnRoutes, x, at)
	case *GatewayPart:
		return place(&o.GatewayParts, x, at)
	}
	return at
}

func place[T any](list *[]T, item T, at int) int {
	if at < 0 {
		*list = append(*list, item)
		return len(*list) - 1
	}
	(*list)[at] = item
	return at
}
