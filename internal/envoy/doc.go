// Package envoy translates route tables into the configuration of an Envoy, as istiod
// does for the sidecar of one caller. The embedded demo uses it.
//
// The input is a snapshot, its compiled result and the pods that serve ([NewMesh]), and
// the caller ([Mesh.Config]). The output is clusters with their endpoints and one
// RouteConfiguration, as Envoy's own types; [Bootstrap] and [File] are their forms on
// disk, and [Steps] is the order in which a running Envoy can change from one
// configuration to the next without losing a request.
//
// It translates only tables of Overrides. It is not a second Istio: it refuses a table
// that contains routes of a user's VirtualService, with a diagnostic, and everything in a
// user's DestinationRule other than subsets. It must never guess the effect of such
// objects.
package envoy
