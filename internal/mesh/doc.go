// Package mesh computes the configuration of a proxy: for a class of callers, a port and
// an authority, the routes and DestinationRules that are in force, and so the subsets
// that exist. It is the only package that decides about visibility.
//
// The input is the objects of users, as a [model.Snapshot], and optionally those that
// Overrides makes, as tables and subset rules. The rules are those of istiod's
// translation, restricted to sidecars; each one names its source there. The files are
//
//	mesh.go            the objects of users, indexed
//	scope.go           exportTo, and the defaults of the mesh
//	service.go         hosts of the registry, their aliases and alternative domains
//	virtualservice.go  VirtualServices as lists of routes
//	delegate.go        … with their delegates merged in
//	match.go           … and their matches
//	rule.go            DestinationRules, and how they are merged
//	sidecar.go         what a Sidecar imports
//	island.go          the objects that decide about a few hosts
//	class.go           the callers that these tell apart
//	virtualhost.go     virtual hosts: the answer
//	gateway.go         … and those of gateways
//	server.go          … on the servers of Gateways
//	listener.go        … on the listeners of Kubernetes Gateways
//	httproute.go       … and the rules of HTTPRoutes there
//	hash.go            consistent hashes, and the retries of a route that says nothing of them
//
// Waypoints are not described, nor listeners of Kubernetes Gateways that Istio drops for a
// conflict with another one, or without a certificate: they count as if they were there.
//
// Where the age of an object is not known (manifests have none), the order of
// objects is not known either: [Order] says which one is assumed, and what is to
// hold for all has to be asked for each.
package mesh
