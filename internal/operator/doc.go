// Package operator keeps in a cluster what the generator would print for it.
//
//	options.go        settings
//	run.go            the manager: probes, metrics, the end
//	lease.go          the times of the lease
//	term.go           … and what is done while this replica leads
//	scope.go          which namespaces are managed, and which are left
//	revision.go       revisions of Istio whose mesh configuration is not read
//
//	kind.go           the kinds that are watched
//	watch.go          informers: of every kind that decides a route, what is used of it
//	fresh.go          whether all watches are up
//	right.go          requests that the API server does not allow
//	apirequest.go     … and which permission each of them takes
//	store.go          what the cluster holds, and when it last changed
//	share.go          equal labels once
//
//	loop.go           waits for changes, and lets a few milliseconds of them gather
//	reconcile.go      store → islands → plan → writes, for the islands that changed
//	islandstate.go    what is known of each island, and follows from it
//	settled.go        asks istiod what all proxies have
//	write.go          takes the steps of a plan beside the loop, several at once
//	queue.go          … which of them begins next, and what it waits for
//	failure.go        … and when one that failed is taken again
//	rival.go          … or was undone by another writer
//	doubt.go          what a write that has not returned leaves in doubt
//	change.go         what a write changes, and why, for the log
//	beside.go         other requests beside the loop
//
//	gate.go           opens readiness gates
//	admit.go          the webhook that gives them to pods
//	certificate.go    … and its certificate
//
//	policy.go         the status of OverridePolicies
//	event.go          Events on Services
//	pace.go           … at a bounded rate
//	metric.go         Prometheus metrics
//	tally.go          what metrics count, island by island
//	servicemetric.go  … of each Service
//	askmetric.go      … of what istiod tells
//	log.go            what is not worth a line in the log
//
// In: a cluster and [Options]. Out: DestinationRules and VirtualServices of ours,
// the status of OverridePolicies, Events; nothing else in the cluster is ever
// written. Only the leader writes. What is written for an island is rebuilt from its objects at each
// change, and what an operator knows that the cluster does not may be lost at
// any time: it is then found out again by waiting (see package plan).
//
// Nothing is written that does not differ, and nothing to show that the operator
// is alive but the lease of its leader.
package operator
