package diag

var closedEntries = []Entry{
	{
		ClosedTo, Info, "Who is admitted to a closed version: those whom AuthorizationPolicies admit to the released pods. Read it as a review of these.",
		"",
	},
	{
		ClosedToNobody, Warning, "What an AuthorizationPolicy says about the released pods can't be said about those of a closed version. The version is closed to everybody.",
		"write an AuthorizationPolicy for the version's pods that says the same there, and select the released pods only with the other one; or don't close the previews of the Service (closed: false)",
	},
	{
		ClosedWider, Warning, "An AuthorizationPolicy with the action ALLOW is in force at the pods of a closed version, and not at the released ones. It admits callers whom the released version may not have.",
		"remove the AuthorizationPolicy, or select other pods with it, unless it is meant",
	},
	{
		ClosedImpossible, Warning, "A version can't be closed without refusing ordinary requests, or the program may not write AuthorizationPolicies. No route leads to the version, so that no override opens it.",
		"give the version a Service of its own (overrides.mesh/version-of), with labels that no released pod has; or don't close the previews of the Service (closed: false)",
	},
}
