// Package cleanup removes the operator's objects from a cluster.
//
//	decide.go  which objects are the operator's, and which may go: values in, values out
//	lease.go   holds the operator's lease meanwhile, and deletes it at the end
//	run.go     lists, decides, deletes; repeats until nothing is left
//
// Input: a cluster and [Options]. Output: a cluster without VirtualServices and
// DestinationRules of Overrides, without the EnvoyFilters and AuthorizationPolicies of policies
// of gateways, without its status on policies and without the lease, in which no pod waits for its readiness gate; and a line to [Options].Report for
// each object. Routes go first, and subsets only once no proxy can have a route to them.
//
// It must never change an object that somebody else made, or a field that somebody else
// owns, or delete a subset while a route that stays names it.
// somebody else owns, nor delete a subset that a route names which stays.
package cleanup
