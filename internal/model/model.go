package model

import (
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Snapshot is everything that decides routes, at one moment.
type Snapshot struct {
	Options Options
	// Namespaces are those that callers may be in. AllNamespaces is set where there are
	// no others, as in a cluster whose namespaces were listed.
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
	// Mesh is what the mesh configuration says about visibility.
	Mesh MeshConfig
	// Revisions names the revision of Istio that each namespace's proxies are
	// of, where its labels say so; Tags the revision that each tag stands for.
	Revisions map[string]string
	Tags      map[string]string
	// Foreign names objects of the kinds and names that Overrides would write,
	// but that somebody else made: they are never overwritten.
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
	// CallerNamespaces are the namespaces whose proxies get scoped
	// VirtualServices; empty means every namespace of the snapshot.
	CallerNamespaces []string
	// Static is set where what is made is applied by hand: nothing follows changes.
	Static bool
	// Mesh is what is said of the mesh configuration by hand: a field that is not
	// nil wins over the configuration that was read.
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

// Resolve returns host as Istio reads it in an object of namespace: a name without
// a dot is a Service of that namespace, everything else stays as it is
// (pilot/pkg/model: ResolveShortnameToFQDN).
func (o *Options) Resolve(host, namespace string) string {
	if host == "" || strings.ContainsAny(host, ".*:") {
		return host
	}
	return o.FQDN(host, namespace)
}

// Service is a Kubernetes Service and the pods behind it.
type Service struct {
	Namespace, Name string
	Origin          diag.Origin
	// Created is when it was made; zero where that is not known.
	Created time.Time
	Ports   []Port
	// ExternalName is what a Service of that type stands for; empty for others.
	ExternalName string
	Headless     bool
	Selector     map[string]string
	// ExportTo is the value of the annotation networking.istio.io/exportTo; nil
	// where there is none, which means the mesh's default.
	ExportTo []string
	// Reachable lists the ways to its pods that no sidecar of a caller is part
	// of, as "NodePort 30080" or "LoadBalancer"; empty for a plain ClusterIP.
	Reachable []string
	// Unread are endpoints behind it of which the pods' labels are not known:
	// objects that make pods or name addresses, and that are of no kind that is read.
	Unread []Unread
	// Settings are those that the Service's own annotations say.
	Settings Settings
	// VersionOf names the Service, in the same namespace, of which this one is
	// an isolated version; empty for ordinary Services.
	VersionOf string
	// Steered says what changes the Service's selector.
	Steered Steering
	// Version names the version of an isolated Service where its pods don't.
	Version string
	// Remembered is what was released of it by our own objects; nil where these say
	// nothing, as while there is nothing to override.
	Remembered *Remembered
	// DropOuts are workloads that the Service does not select, or will not, for what
	// steers it changes its selector.
	DropOuts []Workload
	// Backends are the pods that the Service selects.
	Backends []Backend
	// Near is what nearly has the labels that the Service selects by, where nothing has
	// them; nil for nothing.
	Near *Near
}

// Object returns the name of s for diagnostics.
func (s *Service) Object() diag.Object {
	return diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// Port is one port of a Service.
type Port struct {
	Name   string
	Number uint32
	// HTTP is set where Istio applies HTTP routes: declared HTTP protocols and
	// ports whose protocol is detected.
	HTTP bool
	// Detected is set where nothing declares the protocol, so that proxies detect
	// it for each connection: HTTP routes hold for HTTP only.
	Detected bool
}

// Near is a workload whose pods nearly have the labels that a Service selects by.
type Near struct {
	Namespace string
	Workload  Workload
	// Has is the label that it has instead, as "app=cart". Lacks is the key of the label
	// that it has not, where that is all. Both are empty where it has all labels, and is in
	// another namespace.
	Has, Lacks string
}

// Unread is something behind a Service that is not read as a workload.
type Unread struct {
	Object diag.Object
	// Labels are those of its pods; nil where these are not known either.
	Labels map[string]string
}

// Workload names what made a pod: a Deployment, StatefulSet, DaemonSet,
// ReplicaSet, Rollout, Job, or the Pod itself.
type Workload struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// String returns "Kind/name".
func (w Workload) String() string { return w.Kind + "/" + w.Name }

// Backend is the pods of one workload that carry the same labels and stand
// behind a Service. A workload without pods has a Backend of its template.
type Backend struct {
	Workload Workload
	// Created is when the workload was made; zero where that is not known.
	Created time.Time
	// Selector is the workload's own selector where it can be said as labels;
	// nil for bare pods and for selectors with expressions.
	Selector map[string]string
	// Labels are the pods' labels without those that controllers add per revision.
	Labels map[string]string
	// Pods counts pods that are neither terminating nor finished; Ready those
	// of them that the Service's EndpointSlices call ready. From YAML both are
	// the number of replicas.
	Pods, Ready int
	// Wanted is how many pods of these labels the workload is to have, by its present
	// template; zero where these are of a former one, or where that is not known.
	Wanted int
}

// Caller is a workload that calls Services, as conditions name it.
type Caller struct {
	Namespace, Name string
	// Label is the key of the pod label whose value is Name.
	Label string
	// NoSidecar is set where its pods are known to have no sidecar.
	NoSidecar bool
}

// StrictMode says when a member with ";strict" is answered.
type StrictMode string

const (
	// StrictWhenManaged answers strict members where there is something to override.
	StrictWhenManaged StrictMode = "WhenManaged"
	// StrictAlways answers them at every Service, also one without versions.
	StrictAlways StrictMode = "Always"
)

// Settings are what annotations or an OverridePolicy say about a Service.
// A nil or empty field says nothing.
type Settings struct {
	Managed          *bool
	VersionLabel     string
	ReleasedVersions []string
	ReleasedWorkload *Workload
	// Conditions holds "from" and "method" where the Service has such rows.
	Conditions       []string
	Methods          []string
	Callers          []Caller
	CallerNamespaces []string
	Strict           StrictMode
}

// Policy is an OverridePolicy.
type Policy struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Services are the names of its targets, in its own namespace.
	Services []string
	Settings Settings
}

// Object returns the name of p for diagnostics.
func (p *Policy) Object() diag.Object {
	return diag.Object{Kind: "OverridePolicy", Namespace: p.Namespace, Name: p.Name}
}

// VirtualService is a VirtualService that the user wrote.
type VirtualService struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Revision is the value of the label istio.io/rev: of which istiod alone reads
	// it; empty where all do.
	Revision string
	// Spec is the user's specification; never changed.
	Spec *istioapi.VirtualService
	// Unknown lists fields that this version of Overrides does not know, and
	// that an adopted copy would lose.
	Unknown []string
	// Steered says what changes its weights and destinations.
	Steered Steering
}

// Object returns the name of v for diagnostics.
func (v *VirtualService) Object() diag.Object {
	return diag.Object{Kind: "VirtualService", Namespace: v.Namespace, Name: v.Name}
}

// DestinationRule is a DestinationRule that the user wrote.
type DestinationRule struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Revision is the value of the label istio.io/rev: of which istiod alone reads
	// it; empty where all do.
	Revision string
	// Spec is the user's specification; never changed.
	Spec *istioapi.DestinationRule
	// Unknown lists fields that this version of Overrides does not know.
	Unknown []string
	// Steered says what changes its subsets.
	Steered Steering
}

// Object returns the name of d for diagnostics.
func (d *DestinationRule) Object() diag.Object {
	return diag.Object{Kind: "DestinationRule", Namespace: d.Namespace, Name: d.Name}
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

// Sidecar is a Sidecar of Istio's: what proxies import.
type Sidecar struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	Revision        string
	// Spec is the user's specification; never changed.
	Spec *istioapi.Sidecar
}

// Object returns the name of s for diagnostics.
func (s *Sidecar) Object() diag.Object {
	return diag.Object{Kind: "Sidecar", Namespace: s.Namespace, Name: s.Name}
}

// ServiceEntry is a ServiceEntry of Istio's: hosts that the mesh knows.
type ServiceEntry struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	Revision        string
	// Spec is the user's specification; never changed.
	Spec *istioapi.ServiceEntry
}

// Object returns the name of s for diagnostics.
func (s *ServiceEntry) Object() diag.Object {
	return diag.Object{Kind: "ServiceEntry", Namespace: s.Namespace, Name: s.Name}
}

// Entrance is an Ingress, or a route of the Gateway API that is attached to
// gateways: requests come in by it that no sidecar of a caller routes.
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

// MeshConfig is what Istio's mesh configuration says about who sees objects that
// don't say it themselves. Nil is Istio's own default, every namespace.
type MeshConfig struct {
	VirtualServiceExportTo, DestinationRuleExportTo, ServiceExportTo []string
	// Retries is the policy of routes that don't say one; nil for Istio's own.
	Retries *istioapi.HTTPRetry
}
