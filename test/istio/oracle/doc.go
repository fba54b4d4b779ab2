// Package oracle answers where a request goes in a mesh, by asking the real
// Istio: it runs the part of istiod that translates objects into Envoy
// configuration in this process, and evaluates the outcome as Envoy does.
//
// In go YAML documents of Services, Pods (or workloads, which count as one pod
// of their template), VirtualServices, DestinationRules and Sidecars; out come
// the RouteConfiguration that a sidecar would be sent and, for a request, the
// route that takes it and the clusters and pods behind that route. Tests hold
// Overrides' own evaluation of its tables against it.
//
// What is Istio's here: everything up to the configuration. What is not: the
// evaluation of a RouteConfiguration (see envoy.go), which follows Envoy's
// header_utility, config_utility and config_impl; and which pods a Service
// selects. It needs no network, no privileges and no cluster. It never rejects
// what Istio's webhook would: see package validate.
package oracle
