package model

import (
	"cmp"
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// Snapshot is everything that decides routes, at one point in time.
type Snapshot struct {
	Options Options
	// Now is the time, which decides what has expired; zero if nothing expires.
	Now time.Time
	// Namespaces are those that callers may be in. AllNamespaces is set if there are no
	// others, as in a cluster whose namespaces were listed.
	Namespaces       []string
	AllNamespaces    bool
	Services         []Service
	Callers          []Caller
	Policies         []Policy
	VirtualServices  []VirtualService
	DestinationRules []DestinationRule
	ServiceRoutes    []ServiceRoute
	Sidecars         []Sidecar
	ServiceEntries   []ServiceEntry
	// Entrances are the ways into the cluster that lead to Services.
	Entrances []Entrance
	Gateways  []Gateway
	// GatewayPods are the pods that some Gateway selects, or the policy of one.
	GatewayPods []GatewayPods
	// GatewayPolicies are the policies of Gateways; TokenChecks and Authorizers are what checks
	// requests at their pods besides.
	GatewayPolicies []GatewayPolicy
	TokenChecks     []TokenCheck
	Authorizers     []Authorizer
	// AccessPolicies say who may call pods.
	AccessPolicies []AccessPolicy
	// NotClosed has the versions of closed Services that are not closed: no route leads to them.
	// The value is true if they will be soon.
	NotClosed map[VersionName]bool
	// OverrideGrants are the live ones, sorted by age, then by name.
	OverrideGrants []OverrideGrant
	// TokenNamespaces are the namespaces whose sidecars take overrides from tokens alone, sorted.
	TokenNamespaces []TokenNamespace
	// ForwardingNamespaces are the namespaces whose sidecars carry overrides through their
	// programs, sorted.
	ForwardingNamespaces []string
	// Filters names what proxies have the filter of, if the option AwaitFilters is set: policies
	// of Gateways, namespaces of TokenNamespaces, and [ForwardingFilter]s.
	Filters []diag.Object
	// PermittedPolicies has, for a namespace with pods of gateways, the other namespaces whose
	// policies may be for these; "*" stands for all.
	PermittedPolicies map[string][]string
	// HTTPRoutes are those on gateways, and GRPCRoutes; KubernetesGateways are the gateways, and
	// Grants what lets routes lead to other namespaces.
	HTTPRoutes         []HTTPRoute
	KubernetesGateways []KubernetesGateway
	Grants             []Grant
	// Mesh is the mesh configuration about visibility.
	Mesh MeshConfig
	// Revisions is the revision of Istio of each namespace's proxies, if its labels say
	// so; Tags the revision of each tag.
	Revisions map[string]string
	Tags      map[string]string
	// NamespaceLabels has the labels of each namespace whose labels are known.
	NamespaceLabels map[string]map[string]string
	// Uninjected are the namespaces whose pods get no sidecars, with the label that says so,
	// as in "istio-injection: disabled".
	Uninjected map[string]string
	// Foreign names objects with the kinds and names of objects of Overrides that
	// somebody else made: they are never overwritten.
	Foreign []diag.Object
}

// Options are settings of the whole installation.
type Options struct {
	// Header is the name of the override header, lower-case.
	Header string
	// VersionLabel is the pod label whose value is the version.
	VersionLabel string
	// ClusterDomain is the DNS suffix of Services, "cluster.local" by default.
	ClusterDomain string
	// RootNamespace is Istio's root namespace, "istio-system" by default.
	RootNamespace string
	// CallerNamespaces are the namespaces whose proxies get scoped VirtualServices; empty
	// means every namespace of the snapshot.
	CallerNamespaces []string
	// GatewayNamespaces are further namespaces with the pods of every Gateway, for input
	// without these pods.
	GatewayNamespaces []string
	// Static is set if the output is applied by hand, so that nothing follows changes.
	Static bool
	// Keys serves the public keys of override tokens, for policies that name none; zero for none.
	Keys v1alpha1.KeyService
	// AwaitFilters is set if something follows changes and writes filters: then overrides of
	// tokens are followed only where proxies have the filter.
	AwaitFilters bool
	// GatewayDefault is for Gateways without a policy.
	GatewayDefault GatewayDefault
	// Mesh are settings that override the mesh configuration that was read; nil fields
	// don't.
	Mesh MeshConfig
}

// DefaultOptions returns the options of an ordinary installation.
func DefaultOptions() Options {
	return Options{
		Header:        "x-override",
		VersionLabel:  "version",
		ClusterDomain: "cluster.local",
		RootNamespace: "istio-system",
	}
}

// FQDN returns the name under which the mesh knows a Kubernetes Service.
func (o *Options) FQDN(name, namespace string) string {
	return name + "." + namespace + ".svc." + o.ClusterDomain
}

// Resolve returns host as Istio reads it in an object of namespace: a name without a dot
// is a Service of that namespace, everything else is unchanged (pilot/pkg/model:
// ResolveShortnameToFQDN).
func (o *Options) Resolve(host, namespace string) string {
	if host == "" || strings.ContainsAny(host, ".*:") {
		return host
	}
	return o.FQDN(host, namespace)
}

// Service is a Kubernetes Service and the pods it selects.
type Service struct {
	Namespace, Name string
	Origin          diag.Origin
	// Created is the creation time; zero if it is not known.
	Created time.Time
	Ports   []Port
	// ExternalName is the name that a Service of that type is an alias for; empty for
	// others.
	ExternalName string
	Headless     bool
	Selector     map[string]string
	// ExportTo is the value of the annotation networking.istio.io/exportTo; nil if there
	// is none, which means the mesh's default.
	ExportTo []string
	// Reachable lists the ways to its pods without a caller's sidecar, as "NodePort
	// 30080" or "LoadBalancer"; empty for a plain ClusterIP.
	Reachable []string
	// Unread are endpoints whose pods' labels are not known: objects that create pods or
	// list addresses, of kinds that are not read.
	Unread []Unread
	// Settings are those in the Service's own annotations.
	Settings Settings
	// VersionOf names the Service that this one is an isolated version of; empty for
	// ordinary Services. VersionOfIn is the namespace of that Service, if it is another one;
	// empty for the same.
	VersionOf, VersionOfIn string
	// Steered names the controller that changes the Service's selector.
	Steered Steering
	// Version names the version of an isolated Service if its pods don't.
	Version string
	// Expires is when an isolated version is no longer needed; zero for never.
	Expires time.Time
	// Remembered is the record of the released workload in objects of Overrides; nil if
	// there is none, for example while there is nothing to override.
	Remembered *Remembered
	// DropOuts are workloads that the Service does not select, or will not, since its
	// controller changes its selector.
	DropOuts []Workload
	// Backends are the pods that the Service selects.
	Backends []Backend
	// Near is a workload that has nearly the labels that the Service selects, if no
	// workload has them; nil if there is none.
	Near *Near
}

// Object returns the name of s for diagnostics.
func (s *Service) Object() diag.Object {
	return diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// HasWorkload reports whether s selects pods of a workload.
func (s *Service) HasWorkload(w Workload) bool {
	return slices.ContainsFunc(s.Backends, func(b Backend) bool { return b.Workload == w })
}

// Port is one port of a Service.
type Port struct {
	Name   string
	Number uint32
	// HTTP is set if Istio applies HTTP routes: for declared HTTP protocols, and for
	// ports whose protocol is detected.
	HTTP bool
	// Detected is set if no protocol is declared, so that proxies detect it for each
	// connection: HTTP routes apply to HTTP only.
	Detected bool
	// Target is the port of the pods; 0 if it is named, so that each pod may have another one.
	Target uint32
}

// Near is a workload whose pods have nearly the labels that a Service selects.
type Near struct {
	Namespace string
	Workload  Workload
	// Has is the label that it has instead, as "app=cart". Lacks is the key of the label
	// that it lacks, if that is the only difference. Both are empty if it has all labels,
	// but is in another namespace.
	Has, Lacks string
}

// Unread is an object with endpoints of a Service that is not read as a workload.
type Unread struct {
	Object diag.Object
	// Labels are the labels of its pods; nil if these are not known either.
	Labels map[string]string
}

// Workload names the owner of a pod: a Deployment, StatefulSet, DaemonSet, ReplicaSet,
// Rollout, Job, or the Pod itself.
type Workload struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// String returns "Kind/name".
func (w Workload) String() string { return w.Kind + "/" + w.Name }

// Backend is the pods of one workload that have the same labels and that a Service
// selects. A workload without pods has a Backend for its template.
type Backend struct {
	Workload Workload
	// Created is the creation time of the workload; zero if it is not known.
	Created time.Time
	// Expires is when the workload is no longer needed; zero for never.
	Expires time.Time
	// Selector is the workload's own selector if it is a set of labels; nil for bare pods
	// and for selectors with expressions.
	Selector map[string]string
	// Labels are the pods' labels without those that controllers add for each revision.
	Labels map[string]string
	// Pods counts pods that are neither terminating nor finished; Ready those of them
	// that the Service's EndpointSlices report as ready. In manifests both are the number
	// of replicas.
	Pods, Ready int
	// Wanted is the number of pods with these labels that the workload wants, by its
	// present template; zero if the labels are of an earlier one, or if the number is not
	// known.
	Wanted int
}

// Caller is a workload that calls Services, as conditions name it.
type Caller struct {
	Namespace, Name string
	// Label is the key of the pod label whose value is Name.
	Label string
	// NoSidecar is set if its pods are known to have no sidecar.
	NoSidecar bool
}

// ServiceRoute is a Gateway API route attached to a Service (GAMMA).
type ServiceRoute struct {
	Kind, Namespace, Name string
	// Services are its parents, as namespace and name.
	Services [][2]string
}

// Object returns the name of r for diagnostics.
func (r *ServiceRoute) Object() diag.Object {
	return diag.Object{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}

// Entrance is an Ingress, or a route of the Gateway API that is attached to gateways:
// requests come in through it without a caller's sidecar.
type Entrance struct {
	Kind, Namespace, Name string
	Origin                diag.Origin
	// Services are its backends, as namespace and name.
	Services [][2]string
}

// Object returns the name of e for diagnostics.
func (e *Entrance) Object() diag.Object {
	return diag.Object{Kind: e.Kind, Namespace: e.Namespace, Name: e.Name}
}

// Gateway is an Istio Gateway: ports and hosts of gateway proxies.
type Gateway struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Revision is the value of the label istio.io/rev: only that istiod reads the object;
	// empty if all do.
	Revision string
	// Spec is the user's specification; never changed.
	Spec *istioapi.Gateway
	// Unfollowed is set if its own annotation says that it must not follow overrides, and
	// Follows if it says that it does.
	Unfollowed, Follows bool
	// PinOnly is set if it must not follow overrides, but ordinary requests are pinned; PinnedBy
	// says what asks for that.
	PinOnly  bool
	PinnedBy string
	// Claims say which users may ask for which overrides here, so that the requests of all others
	// lose theirs; nil for everybody. A rule without overrides permits all.
	Claims *v1alpha1.ClaimRules
	// Tokens is set if it makes overrides of tokens only.
	Tokens bool
	// TokenRule is set if all of its pods make overrides of tokens, and of nothing else, and
	// TokenPolicy is the policy that asks for that.
	TokenRule   *TokenRule
	TokenPolicy diag.Object
}

// Object returns the name of g for diagnostics.
func (g *Gateway) Object() diag.Object {
	return diag.Object{Kind: "Gateway", Namespace: g.Namespace, Name: g.Name}
}

// Selects reports whether g is for pods with some labels. One without a selector is for all
// gateway proxies.
func (g *Gateway) Selects(labels map[string]string) bool {
	return HasLabels(labels, g.Spec.GetSelector())
}

// GatewayPods are the pods of gateway proxies in a namespace that have the same labels.
type GatewayPods struct {
	Namespace string
	Labels    map[string]string
	// Proxies are the versions of Istio's proxies in them, as far as their images say so,
	// sorted.
	Proxies []string
}

// Compare orders pods by namespace and labels.
func (p GatewayPods) Compare(q GatewayPods) int {
	return cmp.Or(cmp.Compare(p.Namespace, q.Namespace), cmp.Compare(LabelString(p.Labels), LabelString(q.Labels)))
}

// MeshConfig is the part of Istio's mesh configuration about visibility of objects
// without exportTo. Nil is Istio's own default, every namespace.
type MeshConfig struct {
	VirtualServiceExportTo, DestinationRuleExportTo, ServiceExportTo []string
	// Retries is the policy of routes that have none; nil for Istio's own.
	Retries *istioapi.HTTPRetry
}
