// Package cleanup removes from a cluster what the operator has made.
//
//	decide.go  what is ours, and what may go: values in, values out
//	lease.go   holds the operator's lease meanwhile, and deletes it in the end
//	run.go     lists, asks decide, deletes; again until nothing is left
//
// In: a cluster and [Options]. Out: a cluster without VirtualServices and
// DestinationRules of ours, without our status on OverridePolicies and without the
// lease, in which no pod waits for a readiness gate of ours; a line to [Options].Report for each object. Routes go first, and subsets
// only once no proxy can have a route to them any more.
//
// It must never touch an object that somebody else has made, nor a field that
// somebody else owns, nor delete a subset that a route names which stays.
package cleanup
