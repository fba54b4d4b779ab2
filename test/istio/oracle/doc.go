// Package oracle returns the destination of a request in a mesh, according to the
// real Istio: it runs the part of istiod that translates objects into Envoy
// configuration in this process, and evaluates the result as Envoy does.
//
// Input: YAML documents. Output: the RouteConfigurations and clusters that a sidecar
// or a gateway would receive and, for a request, the route that takes it, the
// clusters and pods behind that route, and the clusters that get copies. Tests
// compare it with Overrides' own evaluation of its tables, and compare its answers
// with and without Overrides (package same).
//
// It reads:
//
//	Service           ports with declared and detected protocols, headless ones,
//	                  aliases (ExternalName), the annotation networking.istio.io/exportTo
//	Pod               and every kind with spec.template: one pod for all replicas,
//	                  none if spec.replicas is 0
//	EndpointSlice     addresses behind a Service that no selected pod has
//	ConfigMap         istio, or istio-REVISION, of the root namespace: the mesh
//	                  configuration
//	VirtualService, DestinationRule, Sidecar, Gateway, ServiceEntry, WorkloadEntry
//	                  those that an istiod of the given revision reads
//
// Istio's own code does everything up to the configuration. Code here evaluates a
// RouteConfiguration (see envoy.go and rewrite.go), following Envoy's header_utility,
// config_utility and config_impl, and selects the pods of a Service. The package needs
// no network, no privileges and no cluster. It never rejects objects as Istio's
// webhook would: see package validate. It ignores Gateway API objects,
// discoverySelectors and namespaces' labels.
package oracle
