package source

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// page makes a list request and returns what it found, with the token that
// asks for more.
type page func(ctx context.Context, request *rest.Request) (discover.Parsed, string, error)

// pages are how kinds are listed by type; all others are as JSON.
var pages = map[string]page{
	"Namespace": typed[corev1.NamespaceList], "Service": typed[corev1.ServiceList], "Pod": typed[corev1.PodList],
	"ConfigMap": typed[corev1.ConfigMapList], "EndpointSlice": typed[discoveryv1.EndpointSliceList],
	"Deployment": typed[appsv1.DeploymentList], "StatefulSet": typed[appsv1.StatefulSetList],
	"DaemonSet": typed[appsv1.DaemonSetList], "ReplicaSet": typed[appsv1.ReplicaSetList],
	"Ingress": typed[networkingv1.IngressList],
}

// resources are the kinds that a cluster is asked for.
func resources() []discover.Kind {
	var out []discover.Kind
	for _, k := range discover.Kinds() {
		if k.Served != nil {
			out = append(out, k)
		}
	}
	return out
}

// protobuf costs the API server and us about a third of what JSON does.
const protobuf = "application/vnd.kubernetes.protobuf,application/json"

// newScheme returns a scheme of the lists that are asked for by type, and of
// nothing else: the whole of Kubernetes' would cost each start of the program
// more than the rest of it.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.NamespaceList{}, &corev1.ServiceList{}, &corev1.PodList{}, &corev1.ConfigMapList{})
	scheme.AddKnownTypes(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSliceList{})
	scheme.AddKnownTypes(networkingv1.SchemeGroupVersion, &networkingv1.IngressList{})
	scheme.AddKnownTypes(appsv1.SchemeGroupVersion, &appsv1.DeploymentList{}, &appsv1.StatefulSetList{},
		&appsv1.DaemonSetList{}, &appsv1.ReplicaSetList{})
	return scheme
}

// typed lists a kind by its Go type.
func typed[L any, P interface {
	*L
	runtime.Object
	metav1.ListInterface
}](ctx context.Context, request *rest.Request) (discover.Parsed, string, error) {
	list := P(new(L))
	if err := request.SetHeader("Accept", protobuf).Do(ctx).Into(list); err != nil {
		return discover.Parsed{}, "", err
	}
	var found discover.Parsed
	switch l := any(list).(type) {
	case *corev1.NamespaceList:
		found = discover.Typed("Namespace", pointers(l.Items))
	case *corev1.ServiceList:
		found = discover.Typed("Service", pointers(l.Items))
	case *corev1.PodList:
		found = discover.Typed("Pod", pointers(l.Items))
	case *corev1.ConfigMapList:
		found = discover.Typed("ConfigMap", pointers(l.Items))
	case *discoveryv1.EndpointSliceList:
		found = discover.Typed("EndpointSlice", pointers(l.Items))
	case *networkingv1.IngressList:
		found = discover.Typed("Ingress", pointers(l.Items))
	case *appsv1.DeploymentList:
		found = discover.Typed("Deployment", pointers(l.Items))
	case *appsv1.StatefulSetList:
		found = discover.Typed("StatefulSet", pointers(l.Items))
	case *appsv1.DaemonSetList:
		found = discover.Typed("DaemonSet", pointers(l.Items))
	case *appsv1.ReplicaSetList:
		found = discover.Typed("ReplicaSet", pointers(l.Items))
	default:
		return discover.Parsed{}, "", fmt.Errorf("no such list: %T", list)
	}
	return found, list.GetContinue(), nil
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// untyped lists a kind as JSON, which is read as manifests are: what a newer
// version of the kind has is noticed.
func untyped(ctx context.Context, request *rest.Request) (discover.Parsed, string, error) {
	text, err := request.SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
	if err != nil {
		return discover.Parsed{}, "", err
	}
	var list struct {
		Metadata metav1.ListMeta `json:"metadata"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return discover.Parsed{}, "", fmt.Errorf("decode the answer: %w", err)
	}
	return discover.Parse(text, "", diag.Origin{}), list.Metadata.Continue, nil
}
