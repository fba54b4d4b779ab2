package diag

// gatewayEntries are the codes about Kubernetes Gateways and Ingresses.
var gatewayEntries = []Entry{
	{
		GatewayNeedsService, Info, "An HTTPRoute leads to the Service from a Kubernetes Gateway, which can't follow overrides of some versions: an HTTPRoute leads to Services, not to subsets of them. They are followed from the second hop on.",
		"give the version a Service of its own: one that selects only its pods, with the annotation overrides.mesh/version-of",
	},
	{
		GatewayNeedsGrant, Warning, "A version's Service is in another namespace than the HTTPRoute that leads to it, and no ReferenceGrant allows that. Overrides of the version are not followed at the gateway.",
		"add a ReferenceGrant to the namespace of the version's Service, from HTTPRoutes of the namespace named to Services",
	},
	{
		GatewayTooManyRules, Warning, "HTTPRoutes have so many rules for one path that a Kubernetes Gateway can't tell them apart for requests with overrides: it does so by the number of headers of a match, and a match has up to 16. Overrides are not followed at the gateway; ordinary requests stay as they are.",
		"let the rules differ in exact values of one header or query parameter, in the method, or in the path, so that no request fits two of them; or use fewer rules",
	},
	{
		IngressNotFollowed, Warning, "An Ingress leads to the Service, and overrides are not followed there. They are followed from the second hop on.",
		"route the host by an Istio Gateway with a VirtualService, or by a Kubernetes Gateway with an HTTPRoute",
	},
}
