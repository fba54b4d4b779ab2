package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OverridePolicy says how overrides work for some Services in its namespace.
//
// If several policies reference one Service, the oldest is in force (of equal age, the
// first by name); the others report Accepted=False with the reason Conflicted.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=ovp,categories=overrides
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=Direct"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRefs[0].name`,description="The first of the targets."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type OverridePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the wanted state.
	// +required
	Spec OverridePolicySpec `json:"spec"`

	// Status is the observed state, per target.
	// +optional
	Status OverridePolicyStatus `json:"status,omitzero"`
}

// OverridePolicyList is a list of OverridePolicies.
//
// +kubebuilder:object:root=true
type OverridePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []OverridePolicy `json:"items"`
}

// OverridePolicySpec says how overrides work for the Services that it targets. A field
// that is not set defaults to the Service's annotation, then to the installation's
// setting.
//
// +kubebuilder:validation:XValidation:rule="!has(self.methods) || (has(self.conditions) && 'method' in self.conditions)",message="methods need the condition method",fieldPath=".methods"
// +kubebuilder:validation:XValidation:rule="!has(self.callers) || (has(self.conditions) && 'from' in self.conditions)",message="callers need the condition from",fieldPath=".callers"
type OverridePolicySpec struct {
	// TargetRefs references the Services of this policy. They are in the policy's
	// namespace.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name))",message="a Service may be named only once"
	TargetRefs []TargetReference `json:"targetRefs"`

	// Managed says whether Overrides configures the Services. If false, it leaves them
	// alone. Defaults to true.
	// +optional
	Managed *bool `json:"managed,omitempty"`

	// VersionLabel is the key of the pod label whose value is the version. Defaults to
	// the installation's setting, "version" unless changed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self.indexOf('/') <= 253",message="the prefix of a label key has at most 253 characters"
	VersionLabel *string `json:"versionLabel,omitempty"`

	// Released says which versions get ordinary traffic. If it is not set, rules choose
	// the released version: the previously released one while there is something to
	// override, or a workload that replaces it if it is gone. If there was none before:
	// the only workload behind the Service, else the version v1, else the oldest
	// workload.
	// +optional
	Released *Released `json:"released,omitempty"`

	// Conditions lists the conditions that overrides of the Services may have. Each costs
	// routes in every proxy, so there are none by default.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Conditions []ConditionKind `json:"conditions,omitempty"`

	// Methods lists the HTTP methods that the condition method accepts.
	// Defaults to GET, HEAD, POST, PUT, PATCH and DELETE.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Z][-A-Z0-9_]*$`
	Methods []string `json:"methods,omitempty"`

	// Callers lists workloads that the condition from accepts, besides those in the
	// Services' namespace.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Callers []Caller `json:"callers,omitempty"`

	// CallerNamespaces lists the namespaces whose proxies follow overrides to these
	// Services, if that needs a VirtualService limited to namespaces. Defaults to the
	// installation's setting, all namespaces unless changed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	CallerNamespaces []string `json:"callerNamespaces,omitempty"`

	// Strict says when a request with ";strict" for a version that can't serve gets a
	// 503: if the Service has something to override (WhenManaged), or always (Always).
	// Defaults to WhenManaged.
	// +optional
	Strict *StrictMode `json:"strict,omitempty"`

	// Closed makes versions that are not released open to exactly those callers that the
	// released one has: AuthorizationPolicies for their pods are copies of those in force for
	// the released pods, and callers without an identity of the mesh are refused. Defaults to
	// false.
	// +optional
	Closed *bool `json:"closed,omitempty"`

	// ServedHeader says whether the answer to a request whose override was followed names the
	// version and the workload that served it, in the header x-override-served. Whoever gets the
	// answer sees it. Defaults to false.
	// +optional
	ServedHeader *bool `json:"servedHeader,omitempty"`

	// Previews says which Services may be isolated versions of the Services: those that are
	// annotated overrides.mesh/version-of. If it is not set, only Services of the same
	// namespace may.
	// +optional
	Previews *Previews `json:"previews,omitempty"`

	// Access says whose overrides the Services follow. If it is not set, they follow those of
	// every request.
	// +optional
	Access *Access `json:"access,omitempty"`

	// Forwarding says who passes on the overrides of requests: the programs (Program), or the
	// sidecars of the policy's namespace, through programs that pass on x-request-id, or
	// traceparent and tracestate (Sidecar). Defaults to Program.
	// +optional
	Forwarding *ForwardingMode `json:"forwarding,omitempty"`
}

// TargetReference references an object in the policy's namespace.
//
// +kubebuilder:validation:XValidation:rule="size(self.group) == 0 && self.kind == 'Service'",message="only Services can be targeted: group \"\", kind Service"
type TargetReference struct {
	// Group is the API group of the target, "" for Services.
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group"`

	// Kind is the kind of the target: Service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// Name is the name of the target.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
}

// Released says which versions get ordinary traffic: versions by name, or all versions of
// a workload.
//
// +kubebuilder:validation:XValidation:rule="has(self.versions) != has(self.workload)",message="exactly one of versions and workload is needed"
type Released struct {
	// Versions are the released versions. Several of them share ordinary
	// traffic by the number of their ready pods.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Versions []string `json:"versions,omitempty"`

	// Workload is the released workload. While it is being updated, the old and
	// the new version are both released.
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`
}

// WorkloadReference references a workload in the policy's namespace.
type WorkloadReference struct {
	// Kind is the kind of the workload. Defaults to Deployment.
	// +optional
	// +kubebuilder:default=Deployment
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet;ReplicaSet;Rollout;Pod
	Kind string `json:"kind,omitempty"`

	// Name is the name of the workload.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// Previews says which Services may be isolated versions of a Service.
type Previews struct {
	// Namespaces says from which namespaces Services may be isolated versions. Services of
	// the policy's own namespace always may.
	// +required
	Namespaces PreviewNamespaces `json:"namespaces"`
}

// PreviewNamespaces says which namespaces are meant, as allowedRoutes.namespaces of a
// Gateway does.
//
// +kubebuilder:validation:XValidation:rule="has(self.selector) == (self.from == 'Selector')",message="selector is needed for from: Selector, and for nothing else"
type PreviewNamespaces struct {
	// From says which namespaces are meant. Defaults to Same.
	// +optional
	// +kubebuilder:default=Same
	From FromNamespaces `json:"from,omitempty"`

	// Selector selects namespaces by their labels, for from: Selector. Every namespace has
	// its name in the label kubernetes.io/metadata.name.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// FromNamespaces says which namespaces are meant.
//
// +kubebuilder:validation:Enum=All;Selector;Same
type FromNamespaces string

const (
	// FromNamespacesAll means all namespaces.
	FromNamespacesAll FromNamespaces = "All"
	// FromNamespacesSelector means those that a selector selects by their labels.
	FromNamespacesSelector FromNamespaces = "Selector"
	// FromNamespacesSame means the policy's own namespace.
	FromNamespacesSame FromNamespaces = "Same"
)

// ConditionKind is a condition that an override may have: the name of a parameter of the
// header's members.
//
// +kubebuilder:validation:Enum=from;method
type ConditionKind string

const (
	// ConditionKindFrom limits overrides to the calls of one workload:
	// "cache:v2;from=service-3".
	ConditionKindFrom ConditionKind = "from"
	// ConditionKindMethod limits overrides to one HTTP method: "db-shim:v2;method=POST".
	ConditionKindMethod ConditionKind = "method"
)

// Caller identifies a workload that calls the Services, as the condition from does.
type Caller struct {
	// Name is the value of the caller's label app or of its canonical name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Name string `json:"name"`

	// Namespace is the namespace of the caller. Defaults to the policy's own.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace *string `json:"namespace,omitempty"`
}

// StrictMode says when an override with ";strict" that can't be followed is answered with
// 503.
//
// +kubebuilder:validation:Enum=WhenManaged;Always
type StrictMode string

const (
	// StrictWhenManaged answers with 503 if the Service has something to override.
	StrictWhenManaged StrictMode = "WhenManaged"
	// StrictAlways answers with 503 even if the Service has nothing to override, so the
	// Service always has configuration.
	StrictAlways StrictMode = "Always"
)

// ForwardingMode says who passes on the overrides of requests.
//
// +kubebuilder:validation:Enum=Program;Sidecar
type ForwardingMode string

const (
	// ForwardingProgram leaves it to programs.
	ForwardingProgram ForwardingMode = "Program"
	// ForwardingSidecar lets sidecars write the override into a header that programs pass on.
	ForwardingSidecar ForwardingMode = "Sidecar"
)
