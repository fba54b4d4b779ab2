package diag

// forwardingEntries are the codes of forwarding by sidecars.
var forwardingEntries = []Entry{
	{
		ForwardingNoFilter, Warning, "An OverridePolicy in Istio's root namespace asks for forwarding: Sidecar. The filter would be for the whole mesh there, so there is none.",
		"move the Service and its policy to another namespace, or have its program pass overrides on",
	},
	{
		ForwardingNoSidecar, Warning, "An OverridePolicy asks for forwarding: Sidecar, and pods of its namespace have no sidecar: they are in the ambient mesh, or injection is disabled. A waypoint can't do it, since it does not see what a program does with a request.",
		"give the pods sidecars, or have their programs pass overrides on",
	},
	{
		ForwardingFilterAwaited, Info, "Sidecars do not have the filter yet that carries overrides through programs. Until then, programs must pass them on.",
		"wait; if it stays so, let the operator write filters: gatewayPolicies.enabled of the chart, or --gateway-policies",
	},
	{
		ForwardingCutsStreams, Info, "What installing the EnvoyFilter of a namespace costs, once: calls that its pods make or receive and that are longer than Istio's drain time are cut.",
		"",
	},
}
