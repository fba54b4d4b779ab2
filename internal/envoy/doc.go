// Package envoy translates route tables into the configuration of an Envoy, as
// istiod would for the sidecar of one caller. It is what the embedded demo runs on.
//
// In go a snapshot, what was compiled from it and the pods that serve
// ([NewMesh]), and who calls ([Mesh.Config]). Out come clusters with their
// endpoints and one RouteConfiguration, as Envoy's own types; [Bootstrap] and
// [File] are what they look like on disk, and [Steps] is the order in which a
// running Envoy may be led from one configuration to the next without losing a
// request.
//
// It translates tables of Overrides' own and nothing else. It is no second
// Istio: a table that holds routes of a user's VirtualService is refused, with a
// diagnostic, and so is what a user's DestinationRule says beside subsets. It
// must never guess what such objects would do.
package envoy
