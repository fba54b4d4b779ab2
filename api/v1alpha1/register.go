package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of Overrides, and the prefix of its labels and annotations.
const GroupName = "overrides.mesh"

// KindOverridePolicy is the kind of an [OverridePolicy].
const KindOverridePolicy = "OverridePolicy"

// KindGatewayOverridePolicy is the kind of a [GatewayOverridePolicy].
const KindGatewayOverridePolicy = "GatewayOverridePolicy"

// KindOverrideGrant and KindOverrideGrantPolicy are the kinds of an [OverrideGrant] and an
// [OverrideGrantPolicy].
const (
	KindOverrideGrant       = "OverrideGrant"
	KindOverrideGrantPolicy = "OverrideGrantPolicy"
)

// GroupVersion is the group and version of this package's types.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// SchemeBuilder collects the functions that add this package's types to a scheme.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme adds this package's types to a scheme.
var AddToScheme = SchemeBuilder.AddToScheme

// Resource qualifies the name of a resource, such as "overridepolicies", by the group.
func Resource(name string) schema.GroupResource {
	return GroupVersion.WithResource(name).GroupResource()
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(
		GroupVersion,
		&OverridePolicy{}, &OverridePolicyList{}, &GatewayOverridePolicy{}, &GatewayOverridePolicyList{},
		&OverrideGrant{}, &OverrideGrantList{}, &OverrideGrantPolicy{}, &OverrideGrantPolicyList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
