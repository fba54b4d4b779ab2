// Package operator keeps the objects of Overrides in a cluster equal to the output of the
// generator.
//
//	options.go          options
//	run.go              the manager: caches, metrics, probes
//	lease.go            the durations of the lease
//	leaderterm.go       leading while this replica holds the lease
//	scope.go            which namespaces are managed, and which are cleaned up
//	revision.go         revisions of Istio whose mesh configuration is not read
//
//	kinds.go            the watched kinds, and the part of each object that is kept
//	watch.go            informers for these kinds
//	watchhealth.go      whether all watches are up
//	permission.go       requests that the API server does not allow
//	apirequest.go       the permission that a request needs
//	store.go            the objects in the cluster, and which of them have changed
//	intern.go           one copy of equal labels
//
//	loop.go             waits for changes, and for more changes that follow them
//	reconcile.go        one cycle: store → islands → plan → writes
//	islandstate.go      the state of each island, updated from the store
//	proxysync.go        asks istiod which objects all proxies have
//	write.go            runs the steps of plans in the background, several at once
//	queue.go            which step begins next, and which writes it waits for
//	failure.go          when a failed step is retried
//	rival.go            detects another writer that undoes writes
//	unobserved.go       routes that an unobserved write may still remove
//	change.go           what a write changes, and why, for the log
//	background.go       other requests in the background
//
//	gate.go             opens readiness gates
//	webhook.go          the webhook that adds them to pods
//	webhookcert.go      the webhook's server and certificate
//
//	policy.go           the status of OverridePolicies
//	entry.go            what policies of gateways ask for: decides, writes
//	entryinput.go       … from what the store has
//	entryindex.go       … and finds in it without looking at all objects
//	entrystatus.go      … and the status of these policies
//	grants.go           OverrideGrants: answers them after each change
//	grantinput.go       … by what the store has
//	grantwrite.go       … with a Secret, a status and audit lines
//	grantkeys.go        … and keys that sign
//	keyserver.go        serves the public keys
//	grantmetric.go      metrics of grants
//	entryopen.go        … and what is said about Gateways without one
//	closure.go          what closes previews: which versions need it, and whether it is in force
//	event.go            Events on Services
//	eventwriter.go      writing Events, at a limited rate
//	metric.go           Prometheus metrics
//	tally.go            the counts of each island, which metrics add up
//	servicemetric.go    metrics of each Service
//	proxysyncmetric.go  metrics of what istiod reports
//	logfilter.go        errors of libraries that are logged at a lower level
//
// Input: a cluster and [Options]. Output: the DestinationRules and VirtualServices of
// Overrides, the status of OverridePolicies, of grants and of readiness gates, Secrets with
// tokens and with the keys that sign them, and Events. The operator writes nothing else. Only
// the leader writes.
//
// A change belongs to an island: a set of Services whose routes can affect each other (see
// package island). The loop compiles, plans and writes only for the islands that have
// changed, for those whose plan asked for another look at this time, and for those with a
// write that has ended. The result for an island is rebuilt from all of its objects. The
// operator may lose what it remembers at any time: it then waits again until proxies must
// have what they need (see package plan).
//
// It writes only differences. Apart from the lease of the leader, it writes nothing to show
// that it is alive.
package operator
