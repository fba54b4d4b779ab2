package operator

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/gate"
)

// kind is a kind that is watched.
type kind struct {
	group, name string
	// versions are tried in turn, for kinds that not every cluster has.
	versions []string
	// typed is set for kinds that every cluster has.
	typed client.Object
	// everywhere is set where objects of namespaces that are not managed matter.
	everywhere, clusterScoped bool
	labels, fields            string
}

func (k *kind) groupKind() schema.GroupKind { return schema.GroupKind{Group: k.group, Kind: k.name} }

// object returns an object by which the cache knows the kind, in a version.
func (k *kind) object(version string) client.Object {
	if k.typed != nil {
		return k.typed
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k.groupKind().WithVersion(version))
	return u
}

func (k *kind) labelSelector() labels.Selector {
	if k.labels == "" {
		return nil
	}
	return must(labels.Parse(k.labels))
}

func (k *kind) fieldSelector() fields.Selector {
	if k.fields == "" {
		return nil
	}
	return must(fields.ParseSelector(k.fields))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err) // a constant of this file is wrong
	}
	return value
}

const (
	istioGroup   = "networking.istio.io"
	gatewayGroup = "gateway.networking.k8s.io"
)

// kinds are those of package source, where what the selectors leave out is
// explained: finished pods, and ReplicaSets that something else has made.
var kinds = []kind{
	{name: "Namespace", typed: &corev1.Namespace{}, clusterScoped: true},
	{name: "Service", typed: &corev1.Service{}},
	{name: "Pod", typed: &corev1.Pod{}, fields: "status.phase!=Succeeded,status.phase!=Failed"},
	{group: "discovery.k8s.io", name: "EndpointSlice", typed: &discoveryv1.EndpointSlice{}},
	{group: "apps", name: "Deployment", typed: &appsv1.Deployment{}},
	{group: "apps", name: "StatefulSet", typed: &appsv1.StatefulSet{}},
	{group: "apps", name: "DaemonSet", typed: &appsv1.DaemonSet{}},
	{group: "apps", name: "ReplicaSet", typed: &appsv1.ReplicaSet{}, labels: "!pod-template-hash,!rollouts-pod-template-hash"},
	{group: "argoproj.io", name: "Rollout", versions: []string{"v1alpha1"}},
	{group: istioGroup, name: "VirtualService", versions: []string{"v1", "v1beta1"}, everywhere: true},
	{group: istioGroup, name: "DestinationRule", versions: []string{"v1", "v1beta1"}, everywhere: true},
	{group: istioGroup, name: "Gateway", versions: []string{"v1", "v1beta1"}, everywhere: true},
	{group: gatewayGroup, name: "HTTPRoute", versions: []string{"v1", "v1beta1"}, everywhere: true},
	{group: gatewayGroup, name: "GRPCRoute", versions: []string{"v1", "v1alpha2"}, everywhere: true},
	{group: v1alpha1.GroupName, name: "OverridePolicy", versions: []string{"v1alpha1"}},
}

// item is one object, as far as it decides anything.
type item struct {
	discover.Object
	// version is its resource version. Where byVersion is set, two states are told
	// apart by it.
	version   string
	byVersion bool
	// diags are about the object as a document.
	diags []diag.Diagnostic
	// seen is set for objects of ours.
	seen *apply.Seen
	// gated is set for pods whose readiness gate is shut, proxied for those that are
	// ready and have a proxy of Istio's. The second decides no route.
	gated, proxied bool
}

// GetObjectMeta is how the informers know the object. They need the resource version:
// to them an update without another one is a resync, which they may keep to
// themselves.
func (x *item) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: x.GetNamespace(), Name: x.GetName(), UID: x.GetUID(), ResourceVersion: x.version}
}

// transform makes of an object what is kept of it. It is called by the informers,
// so that nothing else is ever in memory.
func (k *kind) transform(in any) (any, error) {
	switch x := in.(type) {
	case *item:
		return x, nil
	case *unstructured.Unstructured:
		return readItem(x)
	case metav1.Object:
		return keep(x), nil
	}
	return in, nil
}

// keep leaves what decides a route. Two states of an object that are equal after
// it need no look at the cluster.
func keep(object metav1.Object) *item {
	out := &item{version: object.GetResourceVersion()}
	if pod, ok := object.(*corev1.Pod); ok {
		// A gate that is open is as none.
		out.gated = gate.Waits(pod) && pod.DeletionTimestamp == nil
		out.proxied = hasProxy(pod)
	}
	object.SetResourceVersion("")
	object.SetGeneration(0)
	if _, isService := object.(*corev1.Service); !isService {
		object.SetAnnotations(nil)
	}
	out.Object = share(discover.Keep(object))
	if w, ok := out.Object.(*discover.Workload); ok {
		// In a cluster pods are counted, not promises.
		w.Replicas = 1
	}
	return out
}

// readItem reads an object as manifests are read.
func readItem(u *unstructured.Unstructured) (*item, error) {
	out := &item{
		Object:  &discover.Meta{Namespace: u.GetNamespace(), Name: u.GetName(), UID: u.GetUID()},
		version: u.GetResourceVersion(), byVersion: true,
	}
	if u.GroupVersionKind().Group == istioGroup && u.GetKind() != "Gateway" && apply.IsOurs(u) {
		seen, err := apply.Read(u)
		out.seen = seen
		return out, err
	}
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	var read discover.Objects
	out.diags = read.Decode(text, u.GetNamespace(), diag.Origin{})
	if object := only(&read); object != nil {
		out.Object = share(object)
	}
	if _, ok := out.Object.(*discover.Workload); ok {
		out.byVersion = false // its status changes often, and does not matter
	}
	return out, nil
}

// only returns the object that was read, nil for none.
func only(o *discover.Objects) discover.Object {
	switch {
	case len(o.VirtualServices) > 0:
		return o.VirtualServices[0]
	case len(o.DestinationRules) > 0:
		return o.DestinationRules[0]
	case len(o.Gateways) > 0:
		return o.Gateways[0]
	case len(o.ServiceRoutes) > 0:
		return o.ServiceRoutes[0]
	case len(o.Workloads) > 0:
		return o.Workloads[0]
	case len(o.Policies) > 0:
		return o.Policies[0]
	}
	return nil
}
