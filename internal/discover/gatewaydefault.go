package discover

import (
	"slices"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// implyGatewayPolicies adds a policy for each Gateway that has none, if that is the default:
// overrides that come from outside are removed, and the Gateway itself follows none. It is not
// for Gateways that
//
//	have the annotation overrides.mesh/follow: "true"
//	are in another namespace than the default is for
//	have no routes, such as those that pass TLS on
//	are none of Istio's that run an Envoy
func (r *reader) implyGatewayPolicies() {
	s := r.snapshot
	if !s.Options.GatewayDefault.Strip {
		return
	}
	for i := range s.Gateways {
		if g := &s.Gateways[i]; !g.Follows && slices.ContainsFunc(g.Spec.GetServers(), mesh.CarriesHTTP) {
			r.imply(g.Namespace, g.Name, istioGroup)
		}
	}
	for i := range s.KubernetesGateways {
		if g := &s.KubernetesGateways[i]; !g.Follows && g.Controller == model.IstioGatewayController {
			r.imply(g.Namespace, g.Name, gatewayGroup)
		}
	}
	slices.SortFunc(s.GatewayPolicies, func(a, b model.GatewayPolicy) int { return a.Compare(&b) })
}

// imply adds the implied policy of a Gateway, unless it has a policy.
func (r *reader) imply(namespace, name, group string) {
	s, follow := r.snapshot, false
	target := v1alpha1.GatewayReference{Group: group, Kind: "Gateway", Name: name}
	permitted, known := s.Options.GatewayDefault.In.Permits(namespace, s.NamespaceLabels[namespace])
	if !permitted || !known || slices.ContainsFunc(s.GatewayPolicies, func(p model.GatewayPolicy) bool {
		return p.Namespace == namespace && p.Spec.TargetRef == target
	}) {
		return
	}
	out := model.GatewayPolicy{Namespace: namespace, Spec: &v1alpha1.GatewayOverridePolicySpec{TargetRef: target, Follow: &follow, Header: v1alpha1.HeaderStrip}}
	out.Origin = r.Origins[out.Object()]
	s.GatewayPolicies = append(s.GatewayPolicies, out)
}
