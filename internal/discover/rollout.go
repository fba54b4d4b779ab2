package discover

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// These types have the few fields that matter, of kinds whose Go modules would bring more
// dependencies than they are worth.

// Rollout is the fields of an Argo Rollout (argoproj.io/v1alpha1) that say which pods it
// runs.
type Rollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec RolloutSpec `json:"spec"`
}

// RolloutSpec is the specification of a [Rollout].
type RolloutSpec struct {
	Replicas *int32                 `json:"replicas,omitempty"`
	Selector *metav1.LabelSelector  `json:"selector,omitempty"`
	Template corev1.PodTemplateSpec `json:"template,omitzero"`
	Strategy rolloutStrategy        `json:"strategy,omitzero"`
	// WorkloadRef names a workload whose template it uses instead.
	WorkloadRef *WorkloadRef `json:"workloadRef,omitempty"`
}

// WorkloadRef names a workload in the Rollout's namespace.
type WorkloadRef struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Name       string `json:"name,omitempty"`
}
