package diag

// edgeEntries are the codes of the command edge.
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
		EdgePartLeftOut, Warning, "A part of the objects of the ordinary host is not in the copies for preview hosts.",
		"add what preview hosts need of it to the copy",
	},
	{
		EdgeOrderMatters, Warning, "Several VirtualServices have routes for the ordinary host. Their copies have those for the preview hosts in the same order only if they are created in that order.",
		"apply the copies in the order in which they are printed, the next one a second after the one before",
	},
}
