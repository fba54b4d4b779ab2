// Package proxy configures stock Envoys as Istio's sidecars and gateways.
//
// In go the environment and labels of a proxy container, as Istio's injection
// makes them; out comes what Istio's own agent would make of them: a [Bootstrap]
// whose dynamic part is istiod's, and certificates over SDS, [ServeSDS].
//
// Connections of such an Envoy carry the socket mark [Mark], by which rules tell
// it from the program beside it, where Istio goes by user id.
//
// Identities are what a proxy says of itself; that is for a mesh on one machine
// alone. It must never be asked for certificates by others than its proxies.
package proxy
