// Package proxy configures stock Envoys as Istio's sidecars and gateways.
//
// Input: the environment and labels of a proxy container, as Istio's injection sets them.
// Output: the configuration that Istio's own agent would derive from them: a [Bootstrap]
// whose dynamic part comes from istiod, and certificates over SDS ([ServeSDS]).
//
// Connections of such an Envoy have the socket mark [Mark], by which firewall rules
// distinguish it from the pod's program; Istio uses user IDs instead.
//
// A proxy states its own identity, and is believed; this is only for a mesh on one
// machine. Nothing but its proxies may ask it for certificates.
package proxy
