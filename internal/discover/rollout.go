package discover

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types here are the few fields that matter of kinds whose Go modules
// would bring more dependencies than they are worth.

// Rollout is an Argo Rollout (argoproj.io/v1alpha1), as far as it says which
// pods it runs.
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
	// WorkloadRef names the workload that lends its template instead.
	WorkloadRef *WorkloadRef `json:"workloadRef,omitempty"`
}

// WorkloadRef names a workload in the Rollout's namespace.
type WorkloadRef struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Name       string `json:"name,omitempty"`
}

// ServiceRoute is an HTTPRoute or a GRPCRoute of the Gateway API, as far as it
// says which Services it is attached to.
type ServiceRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec ServiceRouteSpec `json:"spec"`
}

// ServiceRouteSpec is the specification of a [ServiceRoute].
type ServiceRouteSpec struct {
	// ParentRefs are the parents that are Services; a route of gateways only
	// has none.
	ParentRefs []ParentRef `json:"parentRefs,omitempty"`
}

// ParentRef names a Service that a [ServiceRoute] is attached to.
type ParentRef struct {
	// Group is nil for the Gateway API's own, which is not that of Services.
	Group *string `json:"group,omitempty"`
	Kind  string  `json:"kind,omitempty"`
	// Namespace is the route's own where it is empty.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Port is nil where the route is meant for all ports.
	Port *int32 `json:"port,omitempty"`
}

// isService reports whether a parent is a Service of the core group, which is
// said as "" (GEP-1294); "core" is an older way to say it.
func (p ParentRef) isService() bool {
	return p.Kind == "Service" && p.Group != nil && (*p.Group == "" || *p.Group == "core")
}

// keepServices drops all parents but Services and says their namespaces.
func (r *ServiceRoute) keepServices() {
	r.Spec.ParentRefs = slices.DeleteFunc(r.Spec.ParentRefs, func(p ParentRef) bool { return !p.isService() })
	for i := range r.Spec.ParentRefs {
		if p := &r.Spec.ParentRefs[i]; p.Namespace == "" {
			p.Namespace = r.Namespace
		}
	}
}
