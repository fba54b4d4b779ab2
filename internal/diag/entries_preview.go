package diag

// previewEntries are the codes of the command preview.
var previewEntries = []Entry{
	{
		PreviewServiceLeftAlone, Error, "No override could reach a preview of the Service, since the Service is left alone. Nothing is printed.",
		"remove the reason that the message names",
	},
	{
		PreviewSourceNotFound, Error, "There is no released workload that a preview could be a copy of, or its manifest is not in the input. Nothing is printed.",
		"give the manifest of the released workload with -f, or read a cluster; name the released version with the annotation overrides.mesh/released if nothing else says which it is",
	},
	{
		PreviewSourceUnusable, Error, "A copy of the released workload would not work, or would take something from the released pods. Nothing is printed.",
		"write the manifest of the preview yourself, with the label overrides.mesh/preview: \"true\" on its pods",
	},
	{
		PreviewContainerUnknown, Error, "Nothing says which container of the released workload gets the image. Nothing is printed.",
		"name it with --container",
	},
	{
		PreviewExists, Error, "The version, or a name that the preview needs, belongs to another object. Nothing is printed.",
		"choose another name with --name, or delete the other object",
	},
	{
		PreviewNotRoutable, Error, "With the preview, ordinary traffic would not stay as it is, or no override would reach the preview. Nothing is printed.",
		"remove the reason that the message names, or write the manifest of the preview yourself",
	},
	{
		PreviewIsolated, Info, "The preview gets a Service of its own, since its pods can't safely be behind the Service.",
		"",
	},
	{
		PreviewShared, Info, "The preview's pods are behind the Service, with the labels that it selects. The operator pins ordinary traffic to the released pods as soon as the first of them exists; without it, the routes must be in place before. Other objects that select these apply to them too. A PodDisruptionBudget counts them as if they were released ones, so that an eviction may leave too few of these.",
		"without the operator, apply the output of overrides generate, with the preview in its input, before the preview; or ask for a Service of its own with --isolated",
	},
	{
		PreviewLabelsDiffer, Info, "The pods of the preview have other values of labels than the released pods, so that no selector takes them for released ones. NetworkPolicies, AuthorizationPolicies, PodMonitors and conditions (from=) that select released pods by these labels don't apply to the preview.",
		"",
	},
	{
		PreviewPartLeftOut, Info, "A part of the released workload is not in the preview.",
		"",
	},
	{
		PreviewSharesVolume, Warning, "The preview mounts a PersistentVolumeClaim of the released pods. Both write to it, and a claim with the access mode ReadWriteOnce keeps the preview from starting on another node.",
		"give the preview a claim of its own, or none",
	},
	{
		PreviewNeedsObjects, Info, "The pods of a preview with a namespace of its own need objects there that the released pods have in theirs. They are not copied.",
		"create them in the namespace of the preview, unless they are there",
	},
	{
		PreviewContainerNotExposed, Warning, "The container that gets the image does not have a port that the Service leads to, while another one does.",
		"check --container",
	},
	{
		PreviewImageKept, Info, "Another container had the image that was replaced, and keeps it.",
		"",
	},
}
