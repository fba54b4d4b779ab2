package discover

import "github.com/overrides-mesh/overrides/internal/diag"

// Each calls a function with each object and its name, whose kind is that in snapshots. Objects
// whose names the API server will complete may have one name.
func (o *Objects) Each(call func(name diag.Object, object Object)) {
	eachOf(o.Namespaces, "Namespace", call)
	eachOf(o.Services, "Service", call)
	eachOf(o.Pods, "Pod", call)
	eachOf(o.EndpointSlices, "EndpointSlice", call)
	eachOf(o.Canaries, canaryKind, call)
	eachOf(o.VirtualServices, "VirtualService", call)
	eachOf(o.DestinationRules, "DestinationRule", call)
	eachOf(o.Gateways, "Gateway", call)
	eachOf(o.Sidecars, "Sidecar", call)
	eachOf(o.ServiceEntries, "ServiceEntry", call)
	eachOf(o.OwnRoutes, "HTTPRoute", call)
	eachOf(o.MeshConfigs, "ConfigMap", call)
	eachOf(o.Tags, "MutatingWebhookConfiguration", call)
	eachOf(o.Policies, "OverridePolicy", call)
	eachOf(o.GatewayPolicies, "GatewayOverridePolicy", call)
	eachOf(o.OverrideGrants, "OverrideGrant", call)
	eachOf(o.TokenChecks, "RequestAuthentication", call)
	eachOf(o.Authorizers, "AuthorizationPolicy", call)
	for _, x := range o.Workloads {
		call(nameOf(x.Kind, x), x)
	}
	for _, x := range o.Routes {
		call(nameOf(x.Kind, x), x)
	}
	for _, x := range o.GatewayParts {
		call(nameOf(diag.KubernetesGateway, x), x)
	}
	for _, x := range o.Unread {
		call(nameOf(x.Kind, x), x)
	}
	for _, x := range o.Written {
		call(nameOf(x.Kind, x), x)
	}
}

func eachOf[T Object](list []T, kind string, call func(diag.Object, Object)) {
	for _, x := range list {
		call(nameOf(kind, x), x)
	}
}

func nameOf(kind string, x Object) diag.Object {
	return diag.Object{Kind: kind, Namespace: x.GetNamespace(), Name: x.GetName()}
}
