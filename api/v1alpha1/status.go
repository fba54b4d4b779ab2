package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OverridePolicyStatus is the observed state of a policy.
type OverridePolicyStatus struct {
	// Targets has one entry for each of spec.targetRefs, in their order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Targets []TargetStatus `json:"targets,omitempty"`
}

// TargetStatus is the observed state of a policy for one of its targets.
type TargetStatus struct {
	// TargetRef is the target, as in spec.targetRefs.
	// +required
	TargetRef TargetReference `json:"targetRef"`

	// Conditions are Accepted and Programmed. Their observedGeneration is the generation
	// of the policy that they describe.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// The condition Accepted and its reasons.
const (
	// PolicyConditionAccepted says whether the policy applies to the target.
	//
	//	True   Accepted
	//	False  TargetNotFound, RefNotPermitted, Conflicted, Invalid
	PolicyConditionAccepted = "Accepted"

	// PolicyReasonAccepted is used when the policy applies to the target.
	PolicyReasonAccepted = "Accepted"
	// PolicyReasonTargetNotFound is used when the namespace has no such Service.
	PolicyReasonTargetNotFound = "TargetNotFound"
	// PolicyReasonConflicted is used when an older policy references the same Service.
	PolicyReasonConflicted = "Conflicted"
	// PolicyReasonRefNotPermitted is used when the pods of the policy's Gateway are in namespaces
	// that don't permit policies of its namespace.
	PolicyReasonRefNotPermitted = "RefNotPermitted"
)

// The condition Programmed and its reasons.
const (
	// PolicyConditionProgrammed says whether the configuration that follows from
	// the policy is in the cluster.
	//
	//	True   Programmed, NothingToOverride
	//	False  Pending, Invalid
	PolicyConditionProgrammed = "Programmed"

	// PolicyReasonProgrammed is used when the configuration is in the cluster.
	PolicyReasonProgrammed = "Programmed"
	// PolicyReasonPending is used while a step is pending, because proxies must have a
	// subset before a route references it.
	PolicyReasonPending = "Pending"
	// PolicyReasonNothingToOverride is used when the Service needs no configuration: it
	// has only the released version, or it is left alone (managed: false).
	PolicyReasonNothingToOverride = "NothingToOverride"
)

// PolicyReasonInvalid is used with both conditions: for Accepted when the policy has
// unusable values, and for Programmed when the resulting configuration would be rejected,
// so the last good one stays in force.
const PolicyReasonInvalid = "Invalid"
