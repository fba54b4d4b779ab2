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
		NotAnObject, Error, "A document is not a Kubernetes object: apiVersion or kind is missing.",
		"add apiVersion and kind, or leave the document out of the input",
	},
	{
		UndecodableObject, Error, "An object does not fit the schema of its kind. It was ignored. If it is a VirtualService, Services whose hosts it routes are left alone.",
		"correct the field named in the message",
	},
	{
		DuplicateObject, Warning, "The input contains the same object more than once. The last one counts, as with kubectl apply.",
		"remove one of them",
	},
	{
		ChartNotRendered, Error, "A folder is a Helm chart. Its templates are not manifests until they are rendered. It was ignored.",
		"render it first, as in: helm template CHART | overrides generate -f -",
	},
	{
		KustomizationNotBuilt, Warning, "A folder has a kustomization that changes the manifests it lists, or refers to others. The manifests were read unchanged, and patches were read as if they were whole objects.",
		"build it first, as in: kustomize build DIR | overrides generate -f -",
	},
	{
		EmptyInput, Error, "The input contains no objects.",
		"check the path, or the command that writes into the pipe",
	},
	{
		NoServices, Warning, "The input contains objects but no Service, so there is nothing to route.",
		"give the manifests of the Services together with their workloads",
	},
	{
		OtherKindOfService, Info, "An object of kind Service belongs to another API than Kubernetes' own, for example to Knative. That API's controller routes its requests, so no override reaches it.",
		"use that controller's own way to reach a version, such as the tags of Knative (spec.traffic)",
	},
	{
		Forbidden, Warning, "The cluster does not allow Overrides to list a kind. Everything that depends on it is missing from the output.",
		"grant list on the resource named in the message",
	},
	{
		UnknownField, Warning, "An object has fields that its kind does not have, as far as this version of Overrides knows. The other fields are used.",
		"correct the name of the field; if it is a new field of the kind, update Overrides",
	},

	{
		InvalidAnnotation, Error, "An annotation or a label of Overrides has an unknown name or an invalid value. It was ignored. It is a warning if only the domain of the name is misspelt.",
		"correct the value as the message says",
	},
	{
		InvalidPolicy, Error, "A field of an OverridePolicy is invalid. The whole policy is not in force.",
		"correct the field named in the message",
	},
	{
		PolicyTargetNotFound, Warning, "An OverridePolicy names a Service that does not exist.",
		"correct spec.targetRefs, or add the Service",
	},
	{
		PolicyConflict, Warning, "Several OverridePolicies name one Service. The oldest is in force; if ages are equal, the first by name.",
		"keep one policy for each Service",
	},
	{
		MeshConfigInvalid, Warning, "The mesh configuration in Istio's ConfigMap can't be read. Istio's defaults are used: objects without exportTo are visible to every namespace.",
		"correct the field named in the message, or set the defaults with --default-virtual-service-export-to, --default-destination-rule-export-to and --default-service-export-to",
	},
	{
		MeshConfigsDiffer, Warning, "Revisions of Istio have mesh configurations with different default visibility. The most restrictive one is used for all.",
		"give them the same defaults, or set the defaults with --default-virtual-service-export-to, --default-destination-rule-export-to and --default-service-export-to",
	},
	{
		MeshConfigUnread, Warning, "The proxies of a namespace belong to a revision of Istio whose mesh configuration is not read. The configuration of the other revisions is used for it, or Istio's defaults if there is none.",
		"name the revision with --istio-revision (istioRevisions of the Helm chart)",
	},

	{ExternalNameService, Info, "A Service of type ExternalName is an alias without pods. It is left alone.", ""},
	{NoSelector, Info, "A Service without a selector selects no pods. It is left alone.", ""},
	{
		NoHTTPPort, Info, "No port of the Service carries HTTP, so there is no header to match. It is left alone.",
		"if a port does carry HTTP, name it http-… or set appProtocol: http",
	},
	{
		HeadlessService, Info, "Proxies send requests for a headless Service to the pod that the client chose, whatever its version. It is left alone.",
		"give each version a Service of its own, annotated overrides.mesh/version-of, and its pods labels that the headless Service does not select",
	},
	{KubernetesService, Info, "The Service of the API server is left alone.", ""},
	{OptedOut, Info, "The Service asks to be left alone.", ""},
	{
		ReleasedUnknown, Warning, "The Service selects several workloads, and nothing says which one is released. It is left alone.",
		"annotate the Service with overrides.mesh/released: VERSION, or label the other pods overrides.mesh/preview: \"true\"",
	},
	{
		RolloutService, Info, "Argo Rollouts adds the hash of a revision to the selector of its stable or canary Service. In the cluster that Service selects pods of the Rollout only. It is left alone.",
		"put previews behind a Service of their own, annotated overrides.mesh/version-of, with labels that this Service does not select",
	},
	{
		ServiceNameUnsupported, Warning, "The name of the Service begins with a digit, or is not a DNS-1035 label for another reason. No override can name it: members of the header are RFC 9651 tokens, which begin with a letter. It is left alone.",
		"add another Service for the same pods whose name begins with a letter, and let callers use that one",
	},

	{
		ReleasedNotFound, Warning, "The Service selects no pod of the version or workload that is named as released. Pinned ordinary traffic stays where it is while pods there are ready. Otherwise it goes to all pods of the Service that are not labelled as previews.",
		"correct overrides.mesh/released, overrides.mesh/released-workload or the OverridePolicy, or deploy it",
	},
	{
		ReleasedNotReady, Warning, "No pod of the released version is ready, but pods that got ordinary traffic before are. They keep it until a released pod is ready.",
		"wait until the pods of the released version are ready, or find out why they aren't; or name the previous version as released again",
	},
	{
		ReleasedGone, Warning, "No pod of the released version is left. Ordinary traffic goes to all other pods of the Service that are not labelled as previews. If only previews are left, it fails.",
		"deploy the released version again, or name another one as released",
	},
	{
		ReleasedStandIn, Warning, "No pod is left of the workload that was released, and nobody has named another one. Other pods stand in for it: they get ordinary traffic until it is back. Pods that are created meanwhile get none.",
		"name the released version with overrides.mesh/released: VERSION, or deploy the released workload again",
	},
	{
		PinnedByVersion, Info, "Only the version label tells the pods of the released workload from others, so ordinary traffic is pinned by version. When a rolling update changes that label, the pin must follow, and requests may fail for a moment.",
		"give the pods of the released workload a label that no other pod has, such as track: stable, in the pods' template; its selector can stay as it is",
	},
	{
		OrdinaryTrafficShared, Warning, "No label tells the released pods from the others. All pods share ordinary traffic, as they do without Overrides. Override routes are made nevertheless.",
		"give the released pods a version label, or a selector that the other pods' labels don't match, or move the other version behind a Service of its own (overrides.mesh/version-of)",
	},
	{
		OrdinaryTrafficNotPinned, Warning, "Ordinary traffic of the Service should be pinned to its released pods, but is not at the moment: the objects in the cluster let it reach previews that are ready.",
		"look for refusals and waits with overrides status, and check that an operator is the leader",
	},
	{
		NoReadyPod, Warning, "The objects in the cluster pin ordinary traffic of the Service to pods that are not ready. Its requests are answered with 503.",
		"find out why these pods are not ready, or name a version with ready pods as released",
	},
	{
		NonHTTPPortShared, Warning, "The Service has ports that don't carry HTTP. The pods of all versions share the traffic of these ports.",
		"move the version behind a Service of its own (overrides.mesh/version-of)",
	},
	{
		SelectsNothing, Warning, "No workload in the input has the labels that the Service selects, so there is nothing to override. It is a warning if a workload has almost the same labels.",
		"correct the selector of the Service, or the labels of the pods' template",
	},
	{
		PreviewUnselected, Warning, "Pods are labelled as a preview, but no Service selects them, so no override reaches them.",
		"give the pods' template the labels that the Service selects; remove the label overrides.mesh/preview if nothing calls the pods",
	},
	{
		SelectorMismatch, Error, "The selector of a workload does not match the labels of its own pods' template. The API server refuses it.",
		"make spec.selector.matchLabels and the labels of spec.template agree",
	},
	{
		NoVersionLabel, Info, "Pods of the Service have no version label, so no override reaches them.",
		"add the version label to the pods' template",
	},
	{
		VersionLabelElsewhere, Info, "No pod of the Service has the version label, but all have another label that usually holds the version.",
		"annotate the Service with overrides.mesh/version-label and the name of that label",
	},
	{
		VersionShared, Warning, "Several workloads run a version that is not released. A request for that version reaches pods of any of them. It is an info if the released version runs in several workloads too, or is this version.",
		"give each of them a version of its own; if one serves no requests, give it labels that the Service does not select",
	},
	{
		InvalidVersion, Warning, "The value of a version label is invalid. No override reaches that version.",
		"use letters, digits, '-', '_' and '.', at most 63, starting and ending with a letter or digit",
	},
	{VersionNotReady, Info, "A version has no ready pod, so there is no route to it.", ""},
	{
		AmbiguousServiceName, Info, "Several namespaces have a managed Service of the same name. A member without a namespace means all of them.",
		"write NAME.NAMESPACE:VERSION to mean one",
	},
	{
		IsolatedBaseNotFound, Warning, "A Service is annotated as a version of another Service that does not exist.",
		"correct overrides.mesh/version-of (NAME.NAMESPACE for a Service of another namespace), add that Service, or read its manifests too (-f)",
	},
	{
		IsolatedNoVersion, Warning, "A Service is annotated as a version of another Service, but it is not known which version, or another one has that name already.",
		"give all its pods the same version label, or annotate it with overrides.mesh/version",
	},
	{
		IsolatedUnreachable, Warning, "A Service is annotated as a version of another Service, but requests can't be routed to it.",
		"give it a cluster IP and the same ports as the other Service",
	},
	{
		IsolatedSelectsReleased, Warning, "A Service is annotated as a version of another Service and selects released pods of that Service, so the released version answers requests for the version. It is an error if the Service selects no other pods: then no route leads to it.",
		"give the pods of the preview a label that no released pod has, and the Service a selector for it",
	},
	{
		PreviewExpired, Warning, "The time in overrides.mesh/expires of a version's workloads, or of its own Service, is over. The operator has removed its route: a request for it gets the released version, or a 503 with ;strict. Nothing is deleted.",
		"delete what the message names; or annotate it with a later time in overrides.mesh/expires, or remove the annotation, and the route comes back",
	},
	{
		ExpiresIgnored, Warning, "Something that does not expire has the annotation overrides.mesh/expires: a released workload, another workload of a released version, or a Service that is not a version of another Service.",
		"remove the annotation from the objects that the message names",
	},
	{
		PreviewNotPermitted, Warning, "A Service is annotated as a version of a Service of another namespace, and that Service does not permit it. No route leads to it.",
		"permit it at the other Service, with spec.previews.namespaces in an OverridePolicy or the annotation overrides.mesh/preview-namespaces, or remove overrides.mesh/version-of",
	},
	{
		PreviewsRefused, Warning, "Services of other namespaces are annotated as versions of a Service that does not permit them. No route leads to them.",
		"if they should be versions, permit their namespaces with spec.previews.namespaces in an OverridePolicy for the Service, or with its annotation overrides.mesh/preview-namespaces; else their owners should remove overrides.mesh/version-of",
	},

	{VirtualServiceAdopted, Info, "A VirtualService for this host exists. Its routes are copied into a VirtualService that is in force for the namespaces listed. The user's own object is not changed.", ""},
	{VirtualServiceDelegatedTo, Info, "A VirtualService for this host delegates to another one. The VirtualService that Overrides makes does the same, so a change of the delegate is in force at once, even without the operator.", ""},
	{
		SteeredRoutesCopied, Info, "A controller (Flagger or Argo Rollouts) changes the routes of a VirtualService that Overrides copies. The operator follows within a second. While the operator is down, the copy does not change: weights stay as they are, and requests still go to workloads that the controller has scaled down since.",
		"run two replicas of the operator, or make the VirtualService a delegate, so that nothing is copied",
	},
	{
		SteeredRoutesFrozen, Warning, "A controller (Flagger or Argo Rollouts) changes the routes of a VirtualService that are copied into the output. Once the output is applied, the weights in the copy no longer change, and requests still go to workloads that the controller scales down.",
		"let the operator follow the changes, or make the VirtualService a delegate, so that nothing is copied",
	},
	{
		SteeredSelectorNotKnown, Warning, "Argo Rollouts adds the hash of a revision to the selector of a Service, but manifests don't contain it. Objects made from manifests pin ordinary traffic to a version, although the Service selects no preview in the cluster.",
		"use the operator, or generate from the cluster (overrides generate -n NAMESPACE)",
	},
	{
		DroppedByController, Warning, "A controller (Flagger or Argo Rollouts) changes the selector of a Service, so that the Service no longer selects a workload that has the original labels. No override reaches that workload.",
		"give it a Service of its own, annotated overrides.mesh/version-of, and labels that no selector of the controller's Services matches",
	},
	{
		PinFrozen, Info, "Only the version label tells the pods of the released workload from others, so the output pins ordinary traffic by version. When that label changes, requests fail until the output is generated and applied again.",
		"nothing, if the label stays the same from release to release. If not, give the pods of the released workload a label that no other pod has, such as track: stable, in the pods' template (its selector can stay as it is), and generate and apply once the pods have it; or use the operator; or generate and apply again whenever the version changes",
	},
	{
		VirtualServiceOfCaller, Warning, "A namespace has a VirtualService of its own for this host that is not exported to other namespaces. It stays in force there, so callers in that namespace do not follow overrides.",
		"remove that VirtualService, or write the override routes into it",
	},
	{
		VirtualServiceScoped, Warning, "The VirtualService for this host has an exportTo of its own. Whether it or the VirtualService of Overrides is in force would depend on their ages. Nothing is written.",
		"remove exportTo from it (or set \"*\"), or write the override routes into it",
	},
	{
		VirtualServiceNotHTTP, Warning, "The VirtualService for this host has TCP or TLS routes, which can't be adopted. Nothing is written.",
		"move its tcp and tls routes to a Service of their own",
	},
	{
		VirtualServiceAmbiguous, Warning, "There are several VirtualServices for this host, and which one is in force depends on their ages. Nothing is written.",
		"keep one VirtualService for each host",
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
		VirtualServiceInvalid, Warning, "Istio would not accept the VirtualService for this host. Nothing is written.",
		"correct the field named in the message",
	},
	{
		VirtualServiceElsewhere, Warning, "No route of the VirtualService for this host leads to the Service, so no override can either.",
		"route to the Service, or ask for versions of the Services that it routes to",
	},
	{
		DelegateNotFound, Warning, "A route for this host delegates to a VirtualService that does not exist or was not read. Its routes would be lost. Nothing is written.",
		"add the VirtualService to the input, or remove the route",
	},
	{
		DelegateRouteDropped, Warning, "Istio ignores a route that delegates, since the delegate has hosts or is not exported to it, or a route of the delegate, since its match conflicts with the root's. The adopted routes do the same.",
		"give the delegate no hosts, export it, or make its match a subset of the root's",
	},
	{GatewayRoutes, Info, "A VirtualService or an HTTPRoute routes from a gateway to the Service, and the gateway does not follow overrides, for the reason given. They are followed from the second hop on.", ""},
	{
		ServiceRouteInTheWay, Warning, "A Gateway API route is attached to the Service. Mixing it with a VirtualService is undefined. Nothing is written.",
		"detach the route, or write the override rules into it",
	},
	{
		DestinationRuleInvalid, Warning, "Istio would not accept a DestinationRule for this host. It is neither copied nor relied on, and nothing is written.",
		"correct the field named in the message",
	},
	{
		DestinationRuleUnmergeable, Warning, "Istio would not merge a DestinationRule for this host with the subsets that overrides need. Nothing is written.",
		"write one DestinationRule for the host, in the Service's namespace, without workloadSelector",
	},
	{
		DestinationRuleOfCaller, Warning, "A namespace has a DestinationRule of its own for this host, without the subsets that overrides need. Callers there stay as they are: they do not follow overrides, and reach all pods of the Service.",
		"move that DestinationRule to the Service's namespace",
	},
	{DestinationRuleCopied, Info, "The traffic policy of a DestinationRule was copied, since the new DestinationRule hides it.", ""},
	{
		TooManyCallers, Warning, "Selectors of Sidecars, DestinationRules and routes make so many classes of callers that ordinary traffic can't be checked for each. Nothing is written.",
		"use fewer sourceLabels and workloadSelectors for callers of this host",
	},
	{
		OrdinaryTrafficWouldChange, Warning, "The proof fails: the objects would change ordinary requests of some callers. They are not written for these callers, or not at all.",
		"change the objects named in the message, or annotate the Service with overrides.mesh/managed: \"false\"",
	},
	{
		AffinityLost, Warning, "A DestinationRule keeps the requests of a client at one pod, but ordinary traffic is pinned to several subsets. The subset is chosen again for each request, so a client stays at one pod only within a subset.",
		"give all released pods one common label that no other pod has, or release one version only",
	},
	{
		CallersNotPinned, Warning, "Ordinary requests of some callers reach pods that are not released, since no route of Overrides is in force for these callers.",
		"list the namespaces of callers in the annotation overrides.mesh/caller-namespaces, change the object named in the message, or give previews labels that the Service does not select",
	},
	{
		SubsetHoldsPreview, Warning, "A route of the user leads to a subset of the user, and a preview has the labels of that subset. The preview gets a share of ordinary requests.",
		"add a label to the subset that previews don't have, such as the version",
	},
	{
		ServiceEntryReachesPods, Warning, "A ServiceEntry selects pods of a Service, previews among them. Its host is not pinned.",
		"add a label to its workloadSelector that previews don't have",
	},
	{
		EntranceNotPinned, Warning, "An Ingress, a route of the Gateway API or a VirtualService on a gateway that does not follow overrides leads to the Service. The pods of all versions share its requests.",
		"give previews labels that this Service does not select, and a Service of their own, annotated overrides.mesh/version-of, as overrides preview --isolated does; or route to a Service that selects released pods only. A gateway that follows overrides is pinned, too, where the reason in the message can be removed",
	},
	{
		ExposedWithoutMesh, Warning, "The Service can be reached by a port of the nodes, a load balancer or an external address, where no sidecar routes. The pods of all versions share these connections.",
		"expose a Service that selects released pods only, or give previews labels that this Service does not select",
	},
	{
		CallersWithoutSidecar, Warning, "Some callers are known to have no sidecar. The pods of all versions share their requests.",
		"give them sidecars, or give previews labels that the Service does not select",
	},
	{
		NamespaceWithoutSidecars, Warning, "The labels of a namespace say that its pods get no sidecars: it is part of the ambient mesh, or injection is disabled. The caller's proxy chooses the version, so requests of callers there don't follow overrides.",
		"label the namespace istio-injection: enabled, without istio.io/dataplane-mode, and restart its pods; there is nothing to do if nothing there calls the Service with an override",
	},

	{
		DetectedPortShared, Warning, "The protocol of a port is not declared, so Istio detects it. HTTP is pinned there. The pods of all versions share everything else.",
		"declare the protocol: name the port http-…, tcp-…, or set appProtocol",
	},
	{
		UnreadEndpoints, Warning, "The Service has endpoints that belong to no workload that Overrides reads. So counting workloads does not tell which pods are released. The message says what a pin does to these endpoints.",
		"if they don't serve the Service, such as pods of a Job, narrow its selector so that it does not match them; if they do, annotate it with overrides.mesh/released, and give them the labels of the released pods",
	},
	{
		HostContested, Warning, "A ServiceEntry has the same host as the Service. Which of the two a caller reaches depends on its namespace. Nothing is written.",
		"give the ServiceEntry another host",
	},

	{
		NameTaken, Error, "An object with the name that Overrides would use exists, and Overrides did not make it. Nothing is written.",
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
		TooManyGrants, Warning, "More grants are live than the routes of a table can list. The oldest ones are listed. With a token of another one, a request is an ordinary one there.",
		"delete grants that are no longer needed, or permit fewer for each namespace (maxGrants of an OverrideGrantPolicy)",
	},
	{
		ObjectTooLarge, Error, "An object would be larger than the API server accepts. A VirtualService is written without its overrides: it pins ordinary requests, and requests with an override are served as released. Other objects are not written.",
		"remove versions that are no longer tested, or conditions that are not needed",
	},
	{
		ObjectInvalid, Error, "Istio or the API server would refuse an object, or two objects have the same name. The object is not written, nor are objects that need it.",
		"the objects in the cluster stay in force; this is a bug in Overrides, so please report it with the input",
	},
	{
		NotInDemo, Warning, "The demo configures its proxies from the routes of Overrides alone. A VirtualService or a DestinationRule of the user has no effect there.",
		"leave the object out of the demo, or try it in a mesh",
	},

	{
		FieldConflict, Error, "Another field manager has taken over fields of an object of Overrides, or somebody has applied the output of generate. The object stays as it is.",
		"delete the object (Overrides makes it again if it is needed), or have the manager named in the message give up its fields",
	},
	{
		ObjectRefused, Error, "The API server or an admission webhook refused an object. The last good one stays in force.",
		"do what the message says; it is the API server's own",
	},
	{
		OtherInstance, Error, "An object that this installation of Overrides would write belongs to another installation, as its annotation overrides.mesh/instance says. It is not changed.",
		"let only one installation manage each namespace; if the other one is gone, run overrides cleanup --instance with its name, or start this one with --instance and that name",
	},
	{
		WriteUndone, Error, "Something else keeps writing or deleting an object of Overrides, most likely another operator with other flags. Overrides writes the object less and less often.",
		"find the other operator and stop it, or let it manage other namespaces",
	},
	{
		NamespaceNotManaged, Warning, "The namespace of a Service is no longer managed. The objects of Overrides there are removed: no request can ask for a version, and ordinary traffic goes to all pods of the Service.",
		"label the namespace overrides.mesh/enabled: \"true\" again, or scale its previews down",
	},
	{
		VersionLabelUnused, Warning, "No pod of any managed Service has the version label that the operator was started with, so no version is known.",
		"correct --version-label, or label the pods' templates",
	},
}
