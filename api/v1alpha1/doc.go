// Package v1alpha1 is the API of Overrides: what a cluster's users may say
// about a Service in an object of its own, and what they are told in its status.
//
// An [OverridePolicy] is a direct policy attachment in the sense of the Gateway
// API's GEP-713: it names Services of its own namespace in spec.targetRefs, says
// how overrides work for them, and reports for each of them whether it was
// accepted and whether it is in force. Everything that it says of a Service can
// also be said by annotations on that Service; where both speak, the policy wins.
//
// In: YAML or the API server's JSON. Out: plain Go values. The package must not
// depend on controller-runtime or client-go, must hold no logic beyond the
// registration of its types, and must stay in step with the generated schema in
// config/crd: the kubebuilder markers below are the one source of both.
//
// +kubebuilder:object:generate=true
// +groupName=overrides.mesh
package v1alpha1
