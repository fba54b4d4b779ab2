package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OverrideGrant permits whoever holds its token to ask for versions of Services in its
// namespace, until it ends. The operator puts the token into a Secret.
//
// Deleting the grant takes the permission back, wherever proxies know the live grants.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=ovg,categories=overrides
// +kubebuilder:printcolumn:name="Overrides",type=string,JSONPath=`.status.overrides`
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.status.subject`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].reason`
// +kubebuilder:printcolumn:name="Ends",type=date,JSONPath=`.status.ends`
type OverrideGrant struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the wanted state. It can't be changed: make another grant instead.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a grant can't be changed: delete it, and make another one"
	Spec OverrideGrantSpec `json:"spec"`

	// Status is the observed state.
	// +optional
	Status OverrideGrantStatus `json:"status,omitzero"`
}

// OverrideGrantList is a list of OverrideGrants.
//
// +kubebuilder:object:root=true
type OverrideGrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []OverrideGrant `json:"items"`
}

// OverrideGrantSpec says what is granted, to whom, and until when.
type OverrideGrantSpec struct {
	// Overrides is what the holder of the token may ask for, as the override header has it:
	// "checkout:pr-118, *:pr-120". A member without a namespace is for that of the grant.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Overrides string `json:"overrides"`

	// TTL is how long the grant lasts, from its creation on. Defaults to 1h.
	// +optional
	// +kubebuilder:default="1h"
	TTL metav1.Duration `json:"ttl,omitzero"`

	// Subject names the holder of the token (claim sub), for logs. Defaults to the name of the
	// requester.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	Subject *string `json:"subject,omitempty"`

	// Requester is who makes the grant, as the API server knows them. An admission policy of the
	// installation refuses every other name.
	// +required
	Requester Requester `json:"requester"`
}

// Requester is a user of the API server.
type Requester struct {
	// Username is the name of the user (kubectl auth whoami).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Username string `json:"username"`

	// Groups are groups of the user. A policy for a group counts only if it is among them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=256
	Groups []string `json:"groups,omitempty"`
}

// OverrideGrantStatus is the observed state of a grant.
type OverrideGrantStatus struct {
	// ID is the claim jti of the grant's tokens.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id,omitempty"`

	// Overrides is what was granted, with a namespace in each member.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Overrides string `json:"overrides,omitempty"`

	// Subject is the claim sub of the grant's tokens.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Subject string `json:"subject,omitempty"`

	// SecretName names the Secret of the grant's namespace that has the token, under the key
	// "token".
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// KeyID is the key that has signed the token.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	KeyID string `json:"keyID,omitempty"`

	// Ends is when the grant ends, and TokenExpires when the token in the Secret does.
	// +optional
	Ends *metav1.Time `json:"ends,omitempty"`
	// +optional
	TokenExpires *metav1.Time `json:"tokenExpires,omitempty"`

	// Conditions are Accepted and Programmed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Reasons of the condition Accepted of an [OverrideGrant], besides [PolicyReasonAccepted] and
// [PolicyReasonInvalid].
const (
	// GrantReasonNotPermitted is used when no policy permits the grant.
	GrantReasonNotPermitted = "NotPermitted"
	// GrantReasonTooMany is used when the namespace has as many grants as it may have.
	GrantReasonTooMany = "TooManyGrants"
	// GrantReasonExpired is used when the grant has ended.
	GrantReasonExpired = "Expired"
)

// OverrideGrantPolicy permits grants. A grant in a namespace that some policies select needs one
// of these that permits it. Other namespaces have what an installation permits by default.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Cluster,shortName=ovgp,categories=overrides
// +kubebuilder:printcolumn:name="Max TTL",type=string,JSONPath=`.spec.maxTTL`
// +kubebuilder:printcolumn:name="Max Grants",type=integer,JSONPath=`.spec.maxGrants`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type OverrideGrantPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the wanted state.
	// +required
	Spec OverrideGrantPolicySpec `json:"spec"`
}

// OverrideGrantPolicyList is a list of OverrideGrantPolicies.
//
// +kubebuilder:object:root=true
type OverrideGrantPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []OverrideGrantPolicy `json:"items"`
}

// OverrideGrantPolicySpec says which grants are permitted.
type OverrideGrantPolicySpec struct {
	// Namespaces selects the namespaces of grants by their labels. Defaults to all.
	// +optional
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`

	// Subjects are whose grants are permitted. Defaults to everybody who may create them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Subjects []GrantSubject `json:"subjects,omitempty"`

	// Services are the Services whose versions may be asked for: "checkout.shop", "*.shop" for
	// all of a namespace, "*" for all. Defaults to those of the grant's namespace.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=127
	// +kubebuilder:validation:items:Pattern=`^(\*|(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)$`
	Services []string `json:"services,omitempty"`

	// MaxTTL is the longest time that a grant may last. Defaults to 24h.
	// +optional
	// +kubebuilder:default="24h"
	MaxTTL metav1.Duration `json:"maxTTL,omitzero"`

	// MaxGrants is how many grants that have not ended a namespace may have. Defaults to 100.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxGrants *int32 `json:"maxGrants,omitempty"`
}

// GrantSubject is whom a policy is for, as in a RoleBinding.
//
// +kubebuilder:validation:XValidation:rule="has(self.namespace) == (self.kind == 'ServiceAccount')",message="a ServiceAccount has a namespace, and nothing else has"
type GrantSubject struct {
	// Kind is User, Group or ServiceAccount.
	// +required
	// +kubebuilder:validation:Enum=User;Group;ServiceAccount
	Kind string `json:"kind"`

	// Name is its name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`

	// Namespace is the namespace of a ServiceAccount.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace *string `json:"namespace,omitempty"`
}
