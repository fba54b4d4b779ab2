// Package v1alpha1 is the API of Overrides: settings of Services in an object of their
// own, and its status.
//
// An [OverridePolicy] is a direct policy attachment in the sense of the Gateway API's
// GEP-713: spec.targetRefs references Services in its namespace, the spec says how
// overrides work for them, and the status reports for each whether the policy was
// accepted and whether it is in force. Annotations on a Service can say the same; if both
// set a field, the policy wins.
//
// Input: YAML or the API server's JSON. Output: plain Go values. The package does not
// depend on controller-runtime or client-go, and has no logic except the registration of
// its types. The kubebuilder markers below also generate the schema in config/crd.
// config/crd: the kubebuilder markers below are the one source of both.
//
// +kubebuilder:object:generate=true
// +groupName=overrides.mesh
package v1alpha1
