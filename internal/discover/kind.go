package discover

import (
	"cmp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Kind is a kind that can decide a route. [Kinds] is the only list of kinds: manifests are
// decoded, and clusters listed and watched by it. Tests hold the roles of the operator and
// the reference against it.
type Kind struct {
	Group, Name string
	// As is what diagnostics call it, if another kind has its name; empty for its name.
	As string
	// Plural is its name in paths and in roles.
	Plural string
	// Versions can be decoded; the first is the one to recommend.
	Versions []string
	// Served are the versions to ask a cluster for, in turn: not every cluster has the
	// newest. It is nil for kinds that a cluster is not asked for, since other kinds say
	// the same.
	Served []string
	// Types are its Go types, for a kind that every cluster has; nil for others, which may
	// not be installed.
	Types *Types
	// Needed is set if an operator that may not list it would do nothing right: it is never
	// ready.
	Needed bool
	Scope  Scope
	// Optional is set for kinds that only the policies of gateways or grants need: an operator
	// without these does not read them.
	Optional bool
	// Labels and Fields are selectors with which the API server leaves out objects that
	// decide no route.
	Labels, Fields string
	// Without says what a reader misses without the right to list it.
	Without string

	// decode reads an object; if it is nil, the object is read into its Go type.
	decode decodeFunc
}

// Scope says where to look for objects of a kind, for a reader of some namespaces.
type Scope int

const (
	// Near is in these namespaces.
	Near Scope = iota
	// Everywhere is in all namespaces: objects of others may be for hosts of these.
	Everywhere
	// Root is in Istio's root namespace only.
	Root
	// Unscoped is for kinds that are in no namespace.
	Unscoped
)

// Finished pods don't serve, and may be many. A ReplicaSet of a Deployment or a Rollout
// says nothing that its owner does not, and each owner has up to ten old ones.
const (
	notFinished   = "status.phase!=Succeeded,status.phase!=Failed"
	notMadeByThem = "!pod-template-hash,!rollouts-pod-template-hash"
)

const (
	istioGroup   = "networking.istio.io"
	gatewayGroup = model.GatewayAPIGroup
)

var v1, v1alpha = []string{"v1"}, []string{"v1alpha1"}

const (
	withoutWorkloads = "the ages and selectors of workloads are not known, and workloads without pods are not seen"
	withoutRoutes    = "routes attached to Services may be overruled, and routes from gateways to previews are not seen"
)

var kinds = []Kind{
	{
		Name: "Namespace", Plural: "namespaces", Versions: v1, Served: v1, Scope: Unscoped,
		Types:   goTypes(func(l *corev1.NamespaceList) []corev1.Namespace { return l.Items }),
		Without: "callers are expected only in namespaces with Services or workloads that were read, and the revisions of Istio of namespaces are not known",
	},
	{
		Name: "Service", Plural: "services", Versions: v1, Served: v1, Needed: true,
		Types:   goTypes(func(l *corev1.ServiceList) []corev1.Service { return l.Items }),
		Without: "there is nothing to route",
	},
	{
		Name: "Pod", Plural: "pods", Versions: v1, Served: v1, Needed: true, Fields: notFinished,
		Types:   goTypes(func(l *corev1.PodList) []corev1.Pod { return l.Items }),
		Without: "no version is seen",
	},
	{
		Group: "discovery.k8s.io", Name: "EndpointSlice", Plural: "endpointslices", Versions: v1, Served: v1, Needed: true,
		Types:   goTypes(func(l *discoveryv1.EndpointSliceList) []discoveryv1.EndpointSlice { return l.Items }),
		Without: "the pods' own readiness counts, and endpoints that are no pods are not seen",
	},
	// In a cluster an EndpointSlice has each of its addresses too.
	{Name: "Endpoints", Plural: "endpoints", Versions: v1, decode: decodeEndpoints},
	workloads("Deployment", "deployments", "", goTypes(func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items })),
	workloads("StatefulSet", "statefulsets", "", goTypes(func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items })),
	workloads("DaemonSet", "daemonsets", "", goTypes(func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items })),
	workloads("ReplicaSet", "replicasets", notMadeByThem, goTypes(func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items })),
	{
		Group: "argoproj.io", Name: "Rollout", Plural: "rollouts", Versions: v1alpha, Served: v1alpha, decode: decodeAs[Rollout],
		Without: withoutWorkloads,
	},
	{
		Group: flaggerGroup, Name: canaryKind, Plural: "canaries", Versions: []string{"v1beta1"}, Served: []string{"v1beta1"}, decode: decodeAs[canary],
		Without: "VirtualServices and Services that Flagger changes are recognized only by their owners and field managers",
	},
	needed(ofIstio("VirtualService", "virtualservices", decodeVirtualService, "routes of users are not known, and may be overruled")),
	needed(ofIstio("DestinationRule", "destinationrules", decodeDestinationRule, "subsets and policies of users are not known, and may be overruled")),
	ofIstio("Gateway", "gateways", decodeGateway, "gateways are not known"),
	ofIstio("Sidecar", "sidecars", decodeSidecar, "every proxy is assumed to import all hosts"),
	ofIstio("ServiceEntry", "serviceentries", decodeServiceEntry, "hosts that lead to the same pods as a Service are not seen"),
	{
		Group: istioGroup, Name: "WorkloadEntry", Plural: "workloadentries", Versions: istioVersions, Served: istioVersions[:2],
		decode:  decodeWorkloadEntry,
		Without: "workloads outside the cluster that are behind a Service are not seen, and may lose ordinary traffic",
	},
	// In a cluster the WorkloadEntries of a group say which of its workloads exist.
	{Group: istioGroup, Name: "WorkloadGroup", Plural: "workloadgroups", Versions: istioVersions, decode: decodeWorkloadGroup},
	gatewayRoutes("HTTPRoute", "httproutes", "v1", "v1beta1").decodedBy(decodeHTTPRoute),
	gatewayRoutes("GRPCRoute", "grpcroutes", "v1", "v1alpha2"),
	gatewayRoutes("TCPRoute", "tcproutes", "v1", "v1alpha2"),
	gatewayRoutes("TLSRoute", "tlsroutes", "v1", "v1alpha3", "v1alpha2"),
	gatewayPart("Gateway", "gateways", decodeAs[kubernetesGateway], "v1", "v1beta1").as(diag.KubernetesGateway),
	gatewayPart("ListenerSet", "listenersets", decodeAs[listenerSet], "v1"),
	gatewayPart("GatewayClass", "gatewayclasses", decodeAs[gatewayClass], "v1", "v1beta1").unscoped(),
	gatewayPart("ReferenceGrant", "referencegrants", decodeAs[referenceGrant], "v1", "v1beta1"),
	{
		Group: "networking.k8s.io", Name: "Ingress", Plural: "ingresses", Versions: []string{"v1", "v1beta1"}, Served: v1,
		Types: goTypes(func(l *networkingv1.IngressList) []networkingv1.Ingress { return l.Items }), decode: decodeIngress,
		Without: "Ingresses that lead to previews are not seen",
	},
	{
		Name: "ConfigMap", Plural: "configmaps", Versions: v1, Served: v1, Scope: Root, Fields: "metadata.name=" + meshConfigMap,
		Types:   goTypes(func(l *corev1.ConfigMapList) []corev1.ConfigMap { return l.Items }),
		Without: "Istio's own defaults are assumed (the flags --default-…-export-to set others)",
	},
	{
		Group: "admissionregistration.k8s.io", Name: "MutatingWebhookConfiguration", Plural: "mutatingwebhookconfigurations",
		Versions: v1, Served: v1, Scope: Unscoped, Labels: tagLabel,
		Types:   metadataOnly(schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"}),
		Without: "a revision tag of Istio on a namespace is read as the name of a revision",
	},
	{
		Group: v1alpha1.GroupName, Name: "OverridePolicy", Plural: "overridepolicies", Versions: v1alpha, Served: v1alpha, decode: decodePolicy,
		Without: "only annotations count",
	},
	{
		Group: v1alpha1.GroupName, Name: v1alpha1.KindGatewayOverridePolicy, Plural: "gatewayoverridepolicies", Versions: v1alpha, Served: v1alpha,
		decode: decodeGatewayPolicy, Optional: true,
		Without: "gateways have no policies",
	},
	{
		Group: v1alpha1.GroupName, Name: v1alpha1.KindOverrideGrant, Plural: "overridegrants", Versions: v1alpha, Served: v1alpha,
		decode: decodeGrant, Optional: true,
		Without: "no token of a grant is followed",
	},
	{
		Group: "security.istio.io", Name: "RequestAuthentication", Plural: "requestauthentications", Versions: istioVersions[:2], Served: istioVersions[:2],
		Scope: Everywhere, decode: decodeTokenCheck, Optional: true,
		Without: "policies of gateways that require a claim are not in force",
	},
	{
		Group: "security.istio.io", Name: "AuthorizationPolicy", Plural: "authorizationpolicies", Versions: istioVersions[:2], Served: istioVersions[:2],
		Scope: Everywhere, decode: decodeAuthorizer, Optional: true,
		Without: "whether others ask an external authorizer at gateways is not known",
	},
}

// Kinds returns the kinds that can decide a route. Callers must not change its parts.
func Kinds() []Kind { return slices.Clone(kinds) }

// BuiltIn reports whether every cluster has k; if another kind is not installed, there are
// no objects of it.
func (k *Kind) BuiltIn() bool { return k.Types != nil }

// ObjectKind is the kind of its objects in diagnostics. No two kinds have the same.
func (k *Kind) ObjectKind() string { return cmp.Or(k.As, k.Name) }

func (k *Kind) decoder() decodeFunc {
	if k.decode != nil {
		return k.decode
	}
	return k.Types.decode
}

// wantedKinds has each kind by its group and name.
var wantedKinds = func() map[schema.GroupKind]*Kind {
	out := make(map[schema.GroupKind]*Kind, len(kinds))
	for i := range kinds {
		out[schema.GroupKind{Group: kinds[i].Group, Kind: kinds[i].Name}] = &kinds[i]
	}
	return out
}()

func workloads(name, plural, labels string, types *Types) Kind {
	return Kind{
		Group: "apps", Name: name, Plural: plural, Versions: v1, Served: v1, Needed: true, Labels: labels, Types: types,
		Without: withoutWorkloads,
	}
}

// istioVersions differ in name only, for the kinds read. Clusters are asked for all but the
// last: no Istio that is still in use serves that one only.
var istioVersions = []string{"v1", "v1beta1", "v1alpha3"}

func ofIstio(name, plural string, decode decodeFunc, without string) Kind {
	return Kind{
		Group: istioGroup, Name: name, Plural: plural, Versions: istioVersions, Served: istioVersions[:2], Scope: Everywhere,
		decode: decode, Without: without,
	}
}

func needed(k Kind) Kind {
	k.Needed = true
	return k
}

// gatewayVersions differ in name only, for the fields read.
var gatewayVersions = []string{"v1", "v1beta1", "v1alpha3", "v1alpha2"}

func gatewayRoutes(name, plural string, served ...string) Kind {
	return Kind{
		Group: gatewayGroup, Name: name, Plural: plural, Versions: gatewayVersions, Served: served, Scope: Everywhere,
		decode: decodeAs[gatewayRoute], Without: withoutRoutes,
	}
}

// gatewayPart is a kind that says which gateways there are.
func gatewayPart(name, plural string, decode decodeFunc, served ...string) Kind {
	return Kind{
		Group: gatewayGroup, Name: name, Plural: plural, Versions: gatewayVersions, Served: served, Scope: Everywhere,
		decode: decode, Without: "overrides are not followed at Kubernetes Gateways",
	}
}

func (k Kind) decodedBy(decode decodeFunc) Kind {
	k.decode = decode
	return k
}

func (k Kind) as(kind string) Kind {
	k.As = kind
	return k
}

func (k Kind) unscoped() Kind {
	k.Scope = Unscoped
	return k
}

// Forbidden returns the diagnostic for a reader that may not list k in a namespace, or in
// all if that is empty.
func (k *Kind) Forbidden(namespace, without string) diag.Diagnostic {
	where := "in all namespaces"
	switch {
	case k.Scope == Unscoped:
		where = "in the cluster"
	case namespace != "":
		where = "in namespace " + namespace
	}
	resource := k.Plural
	if k.Group != "" {
		resource += "." + k.Group
	}
	if name, one := strings.CutPrefix(k.Fields, "metadata.name="); one {
		resource += " " + name
	}
	d := diag.New(diag.Forbidden, diag.Object{}, "list %s %s is not allowed: %s", resource, where, without)
	d.List = diag.List{Group: k.Group, Resource: k.Plural, Namespace: namespace}
	return d
}
