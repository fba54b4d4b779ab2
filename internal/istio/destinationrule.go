package istio

import (
	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/route"
)

// DestinationRule translates the subsets of a host.
func DestinationRule(rule *route.SubsetRule) *istionetv1.DestinationRule {
	out := &istionetv1.DestinationRule{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiVersion, Kind: "DestinationRule"},
		ObjectMeta: objectMeta(rule.Namespace, rule.Name, rule.Owner),
	}
	if rule.Revision != "" {
		out.Labels[RevisionLabel] = rule.Revision
	}
	annotate(&out.ObjectMeta, ReleasedAnnotation, rule.Released)
	out.Spec.Host = rule.Host
	out.Spec.ExportTo = rule.ExportTo
	out.Spec.TrafficPolicy = rule.Policy.DeepCopy()
	for _, s := range rule.Subsets {
		out.Spec.Subsets = append(out.Spec.Subsets, &istioapi.Subset{
			Name: s.Name, Labels: s.Labels, TrafficPolicy: s.Policy.DeepCopy(),
		})
	}
	return out
}
