package source

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// resource is a kind as it is listed.
type resource struct {
	group string
	// versions are tried in turn: not every cluster has the newest.
	versions []string
	name     string
	// builtIn is set for what every cluster has; of anything else that is not
	// installed there is none.
	builtIn bool
	scope   scope
	// labels and fields leave out, at the API server, what decides no route.
	labels, fields string
	page           page
	// without says what a reader without the right to list it will miss.
	without string
}

// scope says where objects are looked for if one namespace is asked for.
type scope int

const (
	// there is in that namespace.
	there scope = iota
	// everywhere is in all namespaces: what is in others may be about it.
	everywhere
	// unscoped is for kinds that are in no namespace.
	unscoped
)

// page makes a list request and returns what it found, with the token that
// asks for more.
type page func(ctx context.Context, request *rest.Request) (discover.Parsed, string, error)

const (
	istioGroup   = "networking.istio.io"
	gatewayGroup = "gateway.networking.k8s.io"
)

// finished pods serve no more and may be many; a ReplicaSet that a Deployment
// or a Rollout has made says nothing that its maker does not, and there are up
// to ten old ones of each.
const (
	notFinished   = "status.phase!=Succeeded,status.phase!=Failed"
	notMadeByThem = "!pod-template-hash,!rollouts-pod-template-hash"
)

var resources = []resource{
	{
		versions: []string{"v1"}, name: "namespaces", builtIn: true, scope: unscoped, page: typed[corev1.NamespaceList],
		without: "only namespaces with Services or workloads that were read are taken for those of callers",
	},
	{versions: []string{"v1"}, name: "services", builtIn: true, page: typed[corev1.ServiceList], without: "there is nothing to route"},
	{
		versions: []string{"v1"}, name: "pods", builtIn: true, fields: notFinished, page: typed[corev1.PodList],
		without: "no version is seen",
	},
	{
		group: "discovery.k8s.io", versions: []string{"v1"}, name: "endpointslices", builtIn: true, page: typed[discoveryv1.EndpointSliceList],
		without: "the pods' own readiness is taken for that of endpoints",
	},
	workloads("deployments", typed[appsv1.DeploymentList]),
	workloads("statefulsets", typed[appsv1.StatefulSetList]),
	workloads("daemonsets", typed[appsv1.DaemonSetList]),
	{
		group: "apps", versions: []string{"v1"}, name: "replicasets", builtIn: true, labels: notMadeByThem, page: typed[appsv1.ReplicaSetList],
		without: withoutWorkloads,
	},
	{group: "argoproj.io", versions: []string{"v1alpha1"}, name: "rollouts", page: untyped, without: withoutWorkloads},
	mesh(istioGroup, "virtualservices", "v1beta1", "routes of users are not known, and may be overruled"),
	mesh(istioGroup, "destinationrules", "v1beta1", "subsets and policies of users are not known, and may be overruled"),
	mesh(istioGroup, "gateways", "v1beta1", "gateways are not known"),
	mesh(gatewayGroup, "httproutes", "v1beta1", "HTTPRoutes of Services are not known, and may be overruled"),
	mesh(gatewayGroup, "grpcroutes", "v1alpha2", "GRPCRoutes of Services are not known, and may be overruled"),
	{
		group: "overrides.mesh", versions: []string{"v1alpha1"}, name: "overridepolicies", page: untyped,
		without: "only annotations say what is wanted",
	},
}

const withoutWorkloads = "the ages and selectors of workloads are not known, and those without pods are not seen"

func workloads(name string, p page) resource {
	return resource{group: "apps", versions: []string{"v1"}, name: name, builtIn: true, page: p, without: withoutWorkloads}
}

func mesh(group, name, older, without string) resource {
	return resource{group: group, versions: []string{"v1", older}, name: name, scope: everywhere, page: untyped, without: without}
}

// protobuf costs the API server and us about a third of what JSON does.
const protobuf = "application/vnd.kubernetes.protobuf,application/json"

// newScheme returns a scheme of the lists that are asked for by type, and of
// nothing else: the whole of Kubernetes' would cost each start of the program
// more than the rest of it.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.NamespaceList{}, &corev1.ServiceList{}, &corev1.PodList{})
	scheme.AddKnownTypes(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSliceList{})
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
	case *discoveryv1.EndpointSliceList:
		found = discover.Typed("EndpointSlice", pointers(l.Items))
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
