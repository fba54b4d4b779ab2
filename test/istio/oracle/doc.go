// Package oracle answers where a request goes in a mesh, by asking the real
// Istio: it runs the part of istiod that translates objects into Envoy
// configuration in this process, and evaluates the outcome as Envoy does.
//
// In go YAML documents; out come the RouteConfigurations and clusters that a
// sidecar or a gateway would be sent and, for a request, the route that takes it,
// the clusters and pods behind that route, and the clusters that get copies.
// Tests hold Overrides' own evaluation of its tables against it, and what was so
// without Overrides against what is so with it (package same).
//
// What is read:
//
//	Service           ports with declared and detected protocols, headless ones,
//	                  aliases (ExternalName), the annotation networking.istio.io/exportTo
//	Pod               and whatever has spec.template: one pod for all replicas, none
//	                  where spec.replicas is 0
//	EndpointSlice     addresses behind a Service that no selected pod has
//	ConfigMap         istio, or istio-REVISION, of the root namespace: the mesh
//	                  configuration
//	VirtualService, DestinationRule, Sidecar, Gateway, ServiceEntry, WorkloadEntry
//	                  those that an istiod of the asked revision reads
//
// What is Istio's here: everything up to the configuration. What is not: the
// evaluation of a RouteConfiguration (see envoy.go and rewrite.go), which follows
// Envoy's header_utility, config_utility and config_impl; and which pods a Service
// selects. It needs no network, no privileges and no cluster. It never rejects
// what Istio's webhook would: see package validate. Gateway API objects are
// passed over, and so are discoverySelectors and what namespaces say.
package oracle
