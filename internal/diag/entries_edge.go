package diag

// edgeEntries are the codes of the command edge, and of policies of gateways.
var edgeEntries = []Entry{
	{
		EdgeGatewayNotKnown, Error, "Nothing says which pods the EnvoyFilter would be for. Nothing is printed.",
		"give the manifests of the Gateway and its pods, or name the labels of the pods with --selector and their namespace with --gateway-namespace",
	},
	{
		EdgeHostTaken, Error, "An object on the gateway has a host below the domain of the preview hosts. All ordinary requests for it would ask for a version with its name. Nothing is printed.",
		"choose a domain for preview hosts that has no other hosts",
	},
	{
		EdgeHostNotServed, Error, "The objects that serve the preview hosts can't be made from those of the ordinary host. Nothing is printed.",
		"correct the ordinary host after = in --preview-host, or leave out --with-hosts and write the objects yourself",
	},
	{
		EdgeHostUnserved, Warning, "A preview host is for an ordinary host that the gateway does not serve: none of its servers or listeners has it, or no route. So nothing serves the preview host either.",
		"correct the ordinary host (for, in spec.previewHosts), or give the gateway a server and routes for it; if other manifests have them, add these to the input",
	},
	{
		EdgePartLeftOut, Warning, "A part of the objects of the ordinary host is not in the copies for preview hosts.",
		"add what preview hosts need of it to the copy",
	},
	{
		EdgeOrderMatters, Warning, "Several VirtualServices have routes for the ordinary host. Their copies have those for the preview hosts in the same order only if they are created in that order.",
		"apply the copies in the order in which they are printed, the next one a second after the one before",
	},
	{
		EdgePolicyInvalid, Error, "A field of a GatewayOverridePolicy is invalid. The filter of its gateway only removes overrides; one that is in place stays as it is.",
		"correct the field",
	},
	{
		EdgePolicyTargetNotFound, Warning, "A GatewayOverridePolicy names a Gateway that does not exist in its namespace. Nothing is made for it: a gateway that it was meant for follows overrides of everybody.",
		"correct spec.targetRef, or create the Gateway",
	},
	{
		EdgePolicyConflict, Warning, "Several GatewayOverridePolicies are for one Gateway, or for Gateways with the same pods. The oldest is in force; if ages are equal, the first by name.",
		"keep one policy for these pods, with all preview hosts, and delete the others",
	},
	{
		EdgeProxyTooOld, Error, "A gateway has proxies that can't make the override header, and would refuse their whole listener. Nothing is made for its policy, so overrides that come from outside are not removed either.",
		"update the gateway's pods to Istio 1.26 or newer, or don't let the Gateway follow overrides (follow: false)",
	},
	{
		EdgeClaimNotChecked, Warning, "The policy of a gateway requires a claim, or has rules for claims, and nothing checks the tokens that have them. Nobody could have a claim, so the filter only removes overrides.",
		"create a RequestAuthentication for the gateway's pods with a rule for that issuer",
	},
	{
		EdgeGuardNotHTTP, Warning, "The policy of a gateway has a guard, and a server of the gateway's pods carries something other than HTTP, where the guard would refuse every connection. The filter only removes overrides.",
		"serve TCP and TLS passthrough by other gateway pods, or guard softly (mode: Soft)",
	},
	{
		EdgeOtherAuthorizer, Warning, "The policy of a gateway asks an external authorizer, and an AuthorizationPolicy for the same pods asks another one. Istio refuses all requests for which both are asked, also ordinary ones, so the filter only removes overrides.",
		"name the same provider in both, or require a claim instead (require)",
	},
	{
		EdgeNotPermitted, Warning, "A GatewayOverridePolicy is for gateway pods in another namespace, which does not permit that. Nothing is made there: a gateway there follows overrides of everybody, as without a policy.",
		"annotate the pods' namespace with overrides.mesh/gateway-policies: NAMESPACE, which needs the right to change that namespace",
	},
	{
		EdgeDefaultNotInForce, Warning, "No GatewayOverridePolicy is for a Gateway, and the default, which removes overrides that come from outside, can't be put in force at some of its pods. The services behind it follow overrides of everybody.",
		"write a GatewayOverridePolicy for the Gateway, label the namespace of its pods so that it is managed and let it permit policies (overrides.mesh/gateway-policies), or, if its clients may override, annotate it with overrides.mesh/follow: \"true\"",
	},
	{
		EdgeCutsStreams, Info, "What installing the EnvoyFilter of a gateway costs, once: requests that are longer than Istio's drain time are cut.",
		"",
	},
}
