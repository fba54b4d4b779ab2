// Package prove asks the model of the mesh twice, without what Overrides makes and
// with it, and compares: for every class of callers, port and domain that a table
// touches, the routes that an ordinary request takes must be the same, in order, with
// all that users said of them, but for the pin; every cluster that is named must be
// there; and every rule of a user's must still say the same.
//
// An ordinary request carries no override; or overrides of which the table follows
// none, so that it takes what is left of the rows. Both are looked at.
//
// [Compile] is what everything that prints or writes calls: it compiles, proves, and
// compiles again without what fails, so that a fault in package compile is a missing
// override and not an outage. [Check] proves what was made, and trusts neither package
// compile nor what it read: it reads the snapshot itself. What it takes from the
// compilation is which pods are released.
//
// [Changes] compares two states of a cluster, each of which has passed the proof: does
// the step from one to the other change ordinary traffic?
//
//	prove.go     Compile: make, prove, make less
//	check.go     what is compared with what
//	route.go     lists of routes
//	action.go    what a route does
//	match.go     what an ordinary request meets of a match
//	rule.go      DestinationRules
//	door.go      the ways to pods that are not released, pinned or not
//	doorsay.go   what is said of those that are not pinned
//	caller.go    who comes in by them
//	change.go    two states of a cluster: what becomes of hosts
//	names.go     … and of their names, for each class of callers
//	reach.go     … and of what routes do, and the pods that they reach
package prove
