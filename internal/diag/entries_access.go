package diag

// accessEntries are the codes of access in mode Token.
var accessEntries = []Entry{
	{
		AccessConflict, Warning, "Two OverridePolicies of a namespace accept different tokens. The sidecars of the namespace accept those of the older one (of equal age, the first by name), so calls from there follow no override of the Services of the other one.",
		"write the same token rule in both policies, or one policy for all Services",
	},
	{
		AccessNotAtGateway, Warning, "A gateway leads to a Service whose access is in mode Token, and may have overrides that are not of its tokens: there is no policy with header: Token for all pods of the gateway, or that accepts other tokens. The gateway follows no override of the Service.",
		"write a GatewayOverridePolicy for the gateway with header: Token and the same issuer, audience and keys, whose maxLifetime is not longer",
	},
	{
		AccessFilterAwaited, Info, "Proxies do not have the filter yet that takes overrides from tokens. Until then they follow no override of the Service, since they would follow any header.",
		"wait; if it stays so, let the operator write filters: gatewayPolicies.enabled of the chart, or --gateway-policies",
	},
	{
		AccessCutsStreams, Info, "What installing the EnvoyFilter of a namespace costs, once: calls that its pods make or receive and that are longer than Istio's drain time are cut.",
		"",
	},
	{
		AccessNoFilter, Warning, "The namespace of a Service whose access is in mode Token can't have proxies that take overrides from tokens alone: it is Istio's root namespace, where a filter would be for the whole mesh, or it has a waypoint, which would follow any header. Calls from there follow no override of the Service.",
		"move the Service to another namespace; for a waypoint, use sidecars in this namespace and put the waypoint into another one",
	},
	{
		AccessKeysHidden, Warning, "A Sidecar resource does not import the Service that serves the keys of tokens. Sidecars that it is for have no keys, so that no token of these is valid.",
		"add the host of the Service with the keys to the egress hosts of the Sidecar, or write the keys into the policy (jwks)",
	},
	{
		AccessUnguarded, Info, "Pods in the namespace of a Service whose access is in mode Token have no sidecar: they are in the ambient mesh, or injection is disabled. Their calls follow no override, whatever they carry. A header that somebody sends to them reaches the program.",
		"give them sidecars, if their programs act on the override header",
	},
}
