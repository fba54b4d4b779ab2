// Package island finds which objects of a cluster decide about the same Services, and
// compiles each such group by itself, when something in it changes.
//
// An island is Services that some object, alias, selector or policy ties together, with all
// objects that decide about them. What follows for an island follows from its objects, and
// from what is common to all islands: namespaces, the mesh configuration, and rules of users
// for all hosts under a wildcard. So a change costs what its island costs, however many
// other Services there are. What all islands make is byte for byte what [prove.Compile]
// makes of the whole.
//
// In: objects as they come, change and go. Out: the islands that changed, each with its
// snapshot and what was compiled from it. For objects that don't change, [Groups] divides one
// snapshot into parts of whole islands instead. It must never read a cluster or a clock.
//
//	tie.go       what each kind of object is tied to
//	selector.go  which selectors select which labels
//	index.go     the objects, and what each is tied to
//	regroup.go   the islands that they fall into
//	common.go    what is common to all islands
//	grant.go     the OverrideGrants, which count for islands with rows for them
//	advice.go    what a Service may mean that selects nothing
//	map.go       the islands, and which of them changed
//	divide.go    the islands of objects that don't change, and a snapshot in parts
//	compile.go   what follows from the objects of one
//	carry.go     what is remembered of islands, as their objects come into others
//	expiry.go    islands of which a version expires
//	names.go     Services of one name in several namespaces
package island
