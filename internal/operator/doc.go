// Package operator keeps in a cluster what the generator would print for it.
//
//	watch.go      informers: of every kind that decides a route, what is used of it
//	store.go      what the cluster holds, and when it last changed
//	loop.go       waits for changes, and lets a few milliseconds of them gather
//	reconcile.go  store → Snapshot → compile → plan → writes, all of it each time
//	write.go      takes the steps of a plan beside the loop, several at once
//	queue.go      … which of them begins next, and what it waits for
//	failure.go    … and when one that failed is taken again
//	change.go     what a write changes, and why, for the log
//	doubt.go      … and of what they leave in doubt meanwhile
//	beside.go     other requests beside the loop
//	policy.go     the status of OverridePolicies
//	event.go      Events on Services
//	pace.go       … at a bounded rate
//	share.go      equal labels once
//	metric.go     Prometheus metrics
//	run.go        the manager: leader election, probes, metrics, the end
//
// In: a cluster and [Options]. Out: DestinationRules and VirtualServices of ours,
// the status of OverridePolicies, Events; nothing else in the cluster is ever
// written. Only the leader writes. Everything is rebuilt from the store at each
// change, and what an operator knows that the cluster does not may be lost at
// any time: it is then found out again by waiting (see package plan).
//
// Nothing is written that does not differ, and nothing to show that the operator
// is alive but the lease of its leader.
package operator
