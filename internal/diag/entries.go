package diag

var entries = []Entry{
	{
		BrokenDocument, Error, "A document is not valid YAML or JSON. The other documents were read.",
		"correct the syntax at the line given",
	},
	{
		UnreadableFile, Error, "A file or a folder can't be read, or is a link that leads nowhere. The others were read.",
		"make it readable, or leave it out of the input",
	},
	{
		NotAnObject, Error, "A document is no Kubernetes object: apiVersion or kind is missing.",
		"add apiVersion and kind, or leave the document out of the input",
	},
	{
		UndecodableObject, Error, "An object does not fit the schema of its kind. It was passed over; what a VirtualService is for is left alone.",
		"correct the field named in the message",
	},
	{
		DuplicateObject, Warning, "The same object stands in the input more than once. The last one counts, as with kubectl apply.",
		"leave one of them out",
	},
	{
		ChartNotRendered, Error, "A folder is a Helm chart, whose templates are no manifests before they are rendered. It was passed over.",
		"render it first, as in: helm template CHART | overrides generate -f -",
	},
	{
		KustomizationNotBuilt, Warning, "A folder has a kustomization that changes the manifests which it lists, or takes others. They were read as they are, and patches as if they were whole objects.",
		"build it first, as in: kustomize build DIR | overrides generate -f -",
	},
	{
		EmptyInput, Error, "The input holds no object at all.",
		"check the path, or the command that writes into the pipe",
	},
	{
		NoServices, Warning, "The input holds objects, but no Service, so that there is nothing to route.",
		"give the manifests of the Services together with their workloads",
	},
	{
		OtherKindOfService, Info, "An object of kind Service is not of Kubernetes' own API, as one of Knative's is not. Its own controller routes its requests, and no override reaches it.",
		"use the means of that controller to reach a version, such as the tags of Knative (spec.traffic)",
	},
	{
		Forbidden, Warning, "The cluster does not allow a kind to be listed. What depends on it is missing from the output.",
		"grant list on the resource named in the message",
	},
	{
		UnknownField, Warning, "A Sidecar or a ServiceEntry has fields that this version of Overrides does not know, so that more or less may be visible than it says. The rest of it is taken as it is.",
		"update Overrides, or remove the field",
	},

	{
		InvalidAnnotation, Error, "An annotation or a label of Overrides has a name that is not known, or a value that can't be used. It was passed over. It is a warning where the name has another domain that is nearly the one of Overrides.",
		"correct the value as the message says",
	},
	{
		InvalidPolicy, Error, "An OverridePolicy says something that can't be used. It is not in force.",
		"correct the field named in the message",
	},
	{
		PolicyTargetNotFound, Warning, "An OverridePolicy names a Service that is not there.",
		"correct spec.targetRefs, or add the Service",
	},
	{
		PolicyConflict, Warning, "Several OverridePolicies name one Service. The oldest is in force, by name where ages are equal.",
		"leave one policy for each Service",
	},
	{
		MeshConfigInvalid, Warning, "The mesh configuration in a ConfigMap of Istio's can't be read. Istio's own defaults are taken for it: objects without exportTo are visible to every namespace.",
		"correct the field named in the message, or say what holds with --default-virtual-service-export-to, --default-destination-rule-export-to and --default-service-export-to",
	},
	{
		MeshConfigsDiffer, Warning, "Revisions of Istio have mesh configurations that differ in what is visible. That of the least visibility is taken for all.",
		"give them the same defaults, or say what holds with --default-virtual-service-export-to, --default-destination-rule-export-to and --default-service-export-to",
	},
	{
		MeshConfigUnread, Warning, "The proxies of a namespace are of a revision of Istio whose mesh configuration is not read. That of the other revisions, or else Istio's own defaults, are taken for it.",
		"name the revision with --istio-revision (istioRevisions of the Helm chart)",
	},

	{ExternalNameService, Info, "A Service of type ExternalName is an alias without pods; it is left alone.", ""},
	{NoSelector, Info, "A Service without a selector names no pods; it is left alone.", ""},
	{
		NoHTTPPort, Info, "No port of the Service carries HTTP, so there is no header to match; it is left alone.",
		"if a port does carry HTTP, say so: name it http-… or set appProtocol: http",
	},
	{
		HeadlessService, Info, "Proxies send requests for a headless Service to the pod that the client chose, whatever the version; it is left alone.",
		"give each version a Service of its own, annotated overrides.mesh/version-of, and its pods labels that the headless Service does not select",
	},
	{KubernetesService, Info, "The Service of the API server is left alone.", ""},
	{OptedOut, Info, "The Service asks to be left alone.", ""},
	{
		ReleasedUnknown, Warning, "Several workloads stand behind the Service and nothing says which one is released; it is left alone.",
		"annotate the Service with overrides.mesh/released: VERSION, or label the other pods overrides.mesh/preview: \"true\"",
	},
	{
		RolloutService, Info, "Argo Rollouts adds the hash of a revision to the selector of a Service, its stable or its canary one. The cluster will have nothing but pods of the Rollout behind it; it is left alone.",
		"put previews behind a Service of their own, annotated overrides.mesh/version-of, with labels that this Service does not select",
	},
	{
		ServiceNameUnsupported, Warning, "The name of the Service begins with a digit, or is for another reason no DNS-1035 label. No override can name it: members of the header are RFC 9651 tokens, which begin with a letter. It is left alone.",
		"put another Service beside it whose name begins with a letter, and let callers use that",
	},

	{
		ReleasedNotFound, Warning, "What is named as released is not behind the Service. Ordinary traffic that is pinned stays where it is while pods there are ready; else it goes to all pods of the Service, but for those labelled as previews.",
		"correct overrides.mesh/released, overrides.mesh/released-workload or the OverridePolicy, or deploy it",
	},
	{
		ReleasedNotReady, Warning, "No pod of the released version is ready, while those are that ordinary traffic went to before: it stays with these until one is.",
		"wait until the pods of the released version are ready, or find out why they aren't; or name the one before as released again",
	},
	{
		ReleasedGone, Warning, "No pod of the released version is left while others serve: ordinary traffic goes to the whole Service, but never to pods labelled as previews. Where only these are left it fails.",
		"deploy the released version again, or name another one as released",
	},
	{
		ReleasedStandIn, Warning, "Nothing is left of what was released, and nobody names what is: other pods stand in for it. They get ordinary traffic until it is back, and no pods that come meanwhile do.",
		"name what is released with overrides.mesh/released: VERSION, or deploy what was released again",
	},
	{
		PinnedByVersion, Info, "Nothing but the version label tells the pods of the released workload from others, so that ordinary traffic is pinned by version. When that label changes in a rolling update, the pin has to follow, and requests may fail for a moment.",
		"give the pods of the released workload a label that no other pod has, such as track: stable; it may stand in the template alone",
	},
	{
		OrdinaryTrafficShared, Warning, "No labels tell the released pods from the others: ordinary traffic is shared by all pods, as Kubernetes shares it. Override routes are made all the same.",
		"give the released pods a version label, or a selector that the other pods' labels don't match, or move the other version behind a Service of its own (overrides.mesh/version-of)",
	},
	{
		OrdinaryTrafficNotPinned, Warning, "Ordinary traffic of the Service is to be pinned to its released pods, and at this moment it is not: the objects in place let it reach previews that are ready.",
		"see what is refused or waits (overrides status), and whether an operator leads",
	},
	{
		NoReadyPod, Warning, "No pod is ready of those that ordinary traffic of the Service is pinned to by the objects in place: its requests are answered with 503.",
		"find out why these pods are not ready, or name a version as released whose pods are",
	},
	{
		NonHTTPPortShared, Warning, "The Service has ports that don't carry HTTP. Ordinary traffic of these is shared by the pods of all versions.",
		"move the version behind a Service of its own (overrides.mesh/version-of)",
	},
	{
		SelectsNothing, Warning, "No workload that was read has the labels that the Service selects by, so that there is nothing to override. It is a warning where one nearly has them.",
		"correct the selector of the Service, or the labels of the pods' template",
	},
	{
		PreviewUnselected, Warning, "Pods are labelled as a preview, and no Service selects them, so that no override reaches them.",
		"give the pods' template the labels that the Service selects by; remove the label overrides.mesh/preview where nothing calls the pods",
	},
	{
		NoVersionLabel, Info, "Pods behind the Service carry no version label: they belong to the Service, but no override reaches them.",
		"label the pods' template with the version",
	},
	{
		VersionLabelElsewhere, Info, "No pod behind the Service carries the version label, and all carry another label that usually says the version.",
		"annotate the Service with overrides.mesh/version-label and the name of that label",
	},
	{
		VersionShared, Warning, "Several workloads run a version that is not released: a request that asks for it reaches pods of any of them. It is an info where the released version has several as well, or is this one.",
		"give each of them a version of its own; where one serves no requests, give it labels that the Service does not select",
	},
	{
		InvalidVersion, Warning, "A version label is no valid label value; no override reaches it.",
		"use letters, digits, '-', '_' and '.', at most 63, starting and ending with a letter or digit",
	},
	{VersionNotReady, Info, "A version has no ready pod, so that no route leads to it.", ""},
	{
		AmbiguousServiceName, Info, "Several namespaces have a managed Service of the same name. A member without a namespace means all of them.",
		"write NAME.NAMESPACE:VERSION to mean one",
	},
	{
		IsolatedBaseNotFound, Warning, "A Service says that it is a version of another, which is not there.",
		"correct overrides.mesh/version-of, or add that Service to the same namespace",
	},
	{
		IsolatedNoVersion, Warning, "A Service says that it is a version of another, but not which.",
		"label its pods with the version, all alike, or annotate it with overrides.mesh/version",
	},
	{
		IsolatedUnreachable, Warning, "A Service says that it is a version of another, but can't be routed to.",
		"give it a cluster IP and the same ports as the Service whose version it is",
	},

	{VirtualServiceAdopted, Info, "A VirtualService for this host exists. Its routes are compiled into one that proxies of the namespaces listed prefer; the user's own is not changed.", ""},
	{VirtualServiceDelegatedTo, Info, "A VirtualService for this host delegates to another one, and so does the one that is made beside it: a change of the delegate holds at once, also where no operator runs.", ""},
	{
		SteeredRoutesCopied, Info, "A controller, Flagger or Argo Rollouts, changes the routes of a VirtualService that are copied. The operator follows within a second. While it is away the copy stays as it was: the weights no longer change, and requests still go to what the controller has scaled away since.",
		"run two replicas of the operator, or let the VirtualService be delegated to, so that nothing is copied",
	},
	{
		SteeredRoutesFrozen, Warning, "A controller, Flagger or Argo Rollouts, changes the routes of a VirtualService that are copied into what is printed. Once that is applied the weights no longer change, and requests still go to what the controller scales away.",
		"let the operator follow them, or let the VirtualService be delegated to, so that nothing is copied",
	},
	{
		SteeredSelectorNotKnown, Warning, "Argo Rollouts adds the hash of a revision to the selector of a Service, which manifests don't have. What is made from them pins ordinary traffic to a version, although no preview stands behind the Service in the cluster.",
		"let the operator make it, or generate from the cluster (overrides generate -n NAMESPACE)",
	},
	{
		DroppedByController, Warning, "A controller, Flagger or Argo Rollouts, changes the selector of a Service, so that a workload with the labels of its pods is not behind the Service any more, and no override reaches it.",
		"put it behind a Service of its own, annotated overrides.mesh/version-of, with labels that no selector of the controller's Services matches",
	},
	{
		PinFrozen, Info, "What is printed holds ordinary traffic to a version by its label, since the selector of the released workload does not tell its pods from the others. When the label of the workload changes, requests fail until it is printed and applied again.",
		"generate and apply again before the label changes, let the operator follow, or give the previews a label of their own and the released workload a selector that they don't match",
	},
	{
		VirtualServiceOfCaller, Warning, "A namespace has a VirtualService of its own for this host, exported to nobody else. It stays in force there: overrides are not followed by callers in that namespace.",
		"remove that VirtualService, or write the override routes into it",
	},
	{
		VirtualServiceScoped, Warning, "The VirtualService for this host has an exportTo of its own, so that it would be a matter of age which of two is in force. Nothing is written.",
		"remove exportTo from it (or set \"*\"), or write the override routes into it",
	},
	{
		VirtualServiceNotHTTP, Warning, "The VirtualService for this host has TCP or TLS routes, which can't be adopted. Nothing is written.",
		"move its tcp and tls routes to a Service of their own",
	},
	{
		VirtualServiceAmbiguous, Warning, "Several VirtualServices are there for this host, and which one is in force depends on their ages. Nothing is written.",
		"leave one VirtualService for each host",
	},
	{
		VirtualServiceUnknownField, Warning, "The VirtualService for this host has fields that this version of Overrides does not know and would lose. Nothing is written.",
		"update Overrides, or remove the field",
	},
	{
		VirtualServiceUsesCarrier, Warning, "The VirtualService for this host matches the override header itself. Nothing is written.",
		"remove these matches, or use another header name for overrides",
	},
	{
		VirtualServiceInvalid, Warning, "The VirtualService for this host is not one that Istio would accept. Nothing is written.",
		"correct the field named in the message",
	},
	{
		VirtualServiceElsewhere, Warning, "No route of the VirtualService for this host leads to the Service, so that no override can.",
		"route to the Service, or ask for versions of the Services that it routes to",
	},
	{
		DelegateNotFound, Warning, "A route for this host delegates to a VirtualService that is not there, or that was not read. What it says would be lost. Nothing is written.",
		"add the VirtualService to the input, or remove the route",
	},
	{
		DelegateRouteDropped, Warning, "Istio passes over a route that delegates, since its delegate has hosts or is not exported to it, or over a delegate's route, since its match conflicts. The adopted one does the same.",
		"give the delegate no hosts, export it, or make its match a subset of the root's",
	},
	{GatewayRoutes, Info, "A VirtualService leads to the Service from a gateway. Overrides are followed from the second hop on; the gateway itself routes as before.", ""},
	{
		ServiceRouteInTheWay, Warning, "A Gateway API route is attached to the Service. Mixing it with a VirtualService is undefined. Nothing is written.",
		"detach the route, or write the override rules into it",
	},
	{
		DestinationRuleInvalid, Warning, "A DestinationRule for this host is not one that Istio would accept. It is neither copied nor relied on, and nothing is written.",
		"correct the field named in the message",
	},
	{
		DestinationRuleUnmergeable, Warning, "A DestinationRule for this host would not be merged with the subsets that overrides need. Nothing is written.",
		"write one DestinationRule for the host, in the Service's namespace, without workloadSelector",
	},
	{
		DestinationRuleOfCaller, Warning, "A namespace has a DestinationRule of its own for this host, in which the subsets that overrides need are missing. Callers there keep what they have: no overrides, and all pods of the Service.",
		"move that DestinationRule to the Service's namespace",
	},
	{DestinationRuleCopied, Info, "The policy of a DestinationRule was copied, since the new one hides it.", ""},
	{
		TooManyCallers, Warning, "Selectors of Sidecars, DestinationRules and routes tell so many kinds of callers apart that ordinary traffic can't be looked at for each. Nothing is made.",
		"use fewer sourceLabels and workloadSelectors for callers of this host",
	},
	{
		OrdinaryTrafficWouldChange, Warning, "What would be made fails the proof: ordinary requests of some callers would change. It is not made for these, or not at all.",
		"change the objects named in the message, or annotate the Service with overrides.mesh/managed: \"false\"",
	},
	{
		AffinityLost, Warning, "A DestinationRule keeps requests of one client at one pod, and ordinary traffic is pinned to several subsets: each request draws a subset anew, so that clients are kept within it only.",
		"give all released pods a label in common that no other pod has, or release one version only",
	},
	{
		CallersNotPinned, Warning, "Ordinary requests of some callers reach pods that are not released, since no route of Overrides is in force for them.",
		"list the namespaces of callers in the annotation overrides.mesh/caller-namespaces, change the object named in the message, or give previews labels that the Service does not select",
	},
	{
		SubsetHoldsPreview, Warning, "A user's route leads to a subset of the user's whose labels a preview has too, so that the preview gets a share of ordinary requests.",
		"add a label to the subset that previews don't have, such as the version",
	},
	{
		ServiceEntryReachesPods, Warning, "A ServiceEntry selects pods of a Service, previews among them. Its host is not pinned.",
		"add a label to its workloadSelector that previews don't have",
	},
	{
		EntranceNotPinned, Warning, "An Ingress or a Gateway API route leads to the Service from outside. Its requests are shared by the pods of all versions.",
		"lead it to a Service that selects released pods only, or give previews labels that this Service does not select",
	},
	{
		ExposedWithoutMesh, Warning, "The Service is reached by a port of the nodes, a load balancer or an external address, where no sidecar routes. These connections are shared by the pods of all versions.",
		"expose a Service that selects released pods only, or give previews labels that this Service does not select",
	},
	{
		CallersWithoutSidecar, Warning, "Some callers are known to have no sidecar. Their requests are shared by the pods of all versions.",
		"give them sidecars, or give previews labels that the Service does not select",
	},
	{
		DetectedPortShared, Warning, "The protocol of a port is detected. HTTP is pinned there, anything else is shared by the pods of all versions.",
		"declare the protocol: name the port http-…, tcp-…, or set appProtocol",
	},
	{
		UnreadEndpoints, Warning, "Something that is no workload Overrides reads stands behind the Service. It can't be told which pods are released by counting workloads, and what a pin does to it is said in the message.",
		"if they don't serve the Service, such as pods of a Job, narrow its selector so that it does not match them; if they do, annotate it with overrides.mesh/released, and give them the labels of the released pods",
	},
	{
		HostContested, Warning, "A ServiceEntry has the host of the Service too. Which of the two callers get depends on where they are. Nothing is made.",
		"give the ServiceEntry another host",
	},

	{
		NameTaken, Error, "An object of the name that Overrides would write exists and was made by somebody else. Nothing is written.",
		"rename that object",
	},
	{
		PatternInvalid, Warning, "The pattern of a route is longer than Istio allows. That route is left out.",
		"use shorter names",
	},
	{
		TooManyRoutes, Warning, "The host has so many override routes that each proxy pays for them in memory.",
		"remove versions that are no longer tested, or conditions that are not needed",
	},
	{
		ObjectTooLarge, Error, "An object would be larger than the API server accepts. It is not written.",
		"remove versions that are no longer tested, or conditions that are not needed",
	},
	{
		ObjectInvalid, Error, "Istio or the API server would refuse an object, or two objects have one name. It is not written, and nothing that needs it.",
		"what was there before stays in force; this is a mistake in Overrides, so please report it with the input",
	},
	{
		NotInDemo, Warning, "The demo's proxies are configured from Overrides' own routes alone. What a VirtualService or DestinationRule of the user's says is not played there.",
		"leave the object out of the demo, or try it in a mesh",
	},

	{
		FieldConflict, Error, "Somebody else has taken over fields of an object of Overrides, or has applied what generate printed. It stays as they made it.",
		"delete the object, which is made again if it is needed, or have the manager that the message names give up its fields",
	},
	{
		ObjectRefused, Error, "The API server or an admission webhook refused an object. The last good one stays in force.",
		"do what the message says; it is the API server's own",
	},
	{
		OtherInstance, Error, "An object of the name that this installation of Overrides would write belongs to another installation, as its annotation overrides.mesh/instance says. It is left as it is.",
		"have each namespace managed by one installation only; where the other one is gone, run overrides cleanup --instance with its name, or start this one with --instance and that name",
	},
	{
		WriteUndone, Error, "Something else writes an object of Overrides again and again, or deletes it: most likely another operator, with other flags. It is written ever more rarely.",
		"find the other operator and end it, or have it manage other namespaces",
	},
	{
		NamespaceNotManaged, Warning, "The namespace of a Service is not managed any more. What Overrides made there is removed: no request can ask for a version, and ordinary traffic goes to all pods of the Service.",
		"label the namespace overrides.mesh/enabled: \"true\" again, or scale its previews down",
	},
	{
		VersionLabelUnused, Warning, "No pod behind any managed Service carries the version label that the operator was started with, so that no version is known.",
		"correct --version-label, or label the pods' templates",
	},
}
