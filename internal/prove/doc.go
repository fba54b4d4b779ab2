// Package prove asks the model of the mesh twice, without the objects of Overrides and
// with them, and compares the answers: for every class of callers, port and domain that a
// table touches, the routes that an ordinary request takes must be the same, in order,
// with all fields that users wrote, except for the pin; every cluster that is named must
// exist; and every rule of a user must be unchanged.
//
// An ordinary request carries no override, or only overrides that the table does not
// follow, so that it takes the remaining rows. Both kinds are compared.
//
// [Compile] is called by everything that prints or writes: it compiles, proves, and
// compiles again without the objects that fail, so that a bug in package compile causes a
// missing override and not an outage. [Check] proves the result, and trusts neither package
// compile nor its reading of the snapshot: it reads the snapshot itself. From the
// compilation it only takes which pods are released.
//
// [Changes] compares two states of a cluster, each of which has passed the proof: does
// the step from one to the other change ordinary traffic?
//
//	prove.go      Compile: make, prove, make less
//	check.go      what is compared with what
//	gateway.go    … at gateways
//	httproute.go  … at Kubernetes Gateways
//	route.go      lists of routes
//	action.go     what a route does
//	match.go      what an ordinary request meets of a match
//	rule.go       DestinationRules
//	door.go       the ways to pods that are not released, pinned or not
//	entrance.go   … from gateways
//	doorsay.go    what is said of those that are not pinned
//	caller.go     who comes in by them
//	change.go     two states of a cluster: what becomes of hosts
//	names.go      … and of their names, for each class of callers
//	label.go      labels of pods on which routes depend
//	reach.go      … and of what routes do, and the pods that they reach
package prove
