package model

import securityapi "istio.io/api/security/v1beta1"

// AccessPolicy is an AuthorizationPolicy of a user's that is in force for pods: one with an
// action that decides, and neither for gateways nor for waypoints.
type AccessPolicy struct {
	PodPolicy

	// Spec is the user's specification; never changed.
	Spec *securityapi.AuthorizationPolicy
}

// IsFor reports whether p is in force at a pod.
func (p *AccessPolicy) IsFor(namespace string, labels map[string]string, root string) bool {
	return (p.Namespace == namespace || p.Namespace == root) && HasLabels(labels, p.Selector)
}

// VersionName names a version of a Service.
type VersionName struct{ Namespace, Service, Version string }

// MarshalText returns "cart.shop:v2", for maps by version.
func (v VersionName) MarshalText() ([]byte, error) {
	return []byte(v.Service + "." + v.Namespace + ":" + v.Version), nil
}
