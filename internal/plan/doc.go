// Package plan decides which object to write next, and when, so that no proxy ever has a
// route that leads nowhere.
//
// In: the objects that package compile wants, the objects in the cluster, the memory of
// earlier plans, and the time, all as values. Out: the writes that may be made now, and when
// to plan again. It must never read a clock, wait, or change its input. Losing a [Memory]
// must cost a wait, never a request.
//
//	plan.go        Plan: input, output, and the order of its parts
//	backend.go     the back end that names and encodes objects
//	index.go       lookups in the input, by name
//	observed.go    objects in the cluster
//	memory.go      what a plan must know from earlier plans
//	cluster.go     clusters: since when they exist, and what keeps routes from them
//	pending.go     clusters that proxies may not have received yet
//	table.go       objects with routes: which rows may be written
//	rule.go        objects with subsets: which subsets stay
//	retain.go      ordinary traffic stays where it is served better
//	fallback.go    a pin for the meantime
//	eligible.go    the pods that ordinary traffic may reach
//	version.go     versions that come, go and flap
//	visibility.go  namespaces that may see a table
//	pendingrow.go  override rows that proxies may not have received yet
//	gate.go        pods that must not be ready yet
//	duplicate.go   names that two objects share
//	digest.go      change detection without encoding
//
// Proxies receive each object late, and different objects in any order. A cluster is what a
// destination references: a Service's host, or a subset of it.
//
//	change               first                      then                           delay
//	-------------------  -------------------------  -----------------------------  -----------------
//	version appears      subset, once a pod exists  route, once a pod is ready     PropagationDelay
//	first preview        subset of the pin          routes with the pin            PropagationDelay
//	pin moves            subset of the new pin      routes with the new pin;       PropagationDelay
//	                                                until then the table stays,
//	                                                or has a fallback pin
//	… to missing or      nothing: ordinary          the pin moves, once a pod is   none
//	unready pods         traffic stays where it     ready
//	                     is served
//	version not ready    route goes, at once        (the subset stays)             none
//	… and ready again    route returns              after the first loss at once,  FlapBackoff,
//	                                                then after a backoff           doubled each time
//	version goes         route goes, at once        subset, once unreferenced      DrainDelay
//	last preview goes    override rows, at once     pin and the whole table,       DrainDelay, twice
//	                                                then the subsets
//	user deletes a       routes change, at once     (requests fail already)        none
//	subset in use
//	more namespaces may  the table, for those       the table, for all of them     PropagationDelay
//	see a table          that see it already
//	grant ends           its ID goes, at once       (the rest as above)            none
//	Service is skipped   the whole table goes,      subsets                        DrainDelay
//	                     at once
//
// PropagationDelay is how long proxies may take to receive what was written. Where istiod
// reports acknowledgements (Input.Acked), nothing waits longer than it has to. DrainDelay is
// how long an unused subset or pin stays; at least PropagationDelay.
//
// The table follows from these rules:
//
//   - A route references a cluster only if the stored route already does, or if proxies have
//     had the propagation delay to receive the cluster.
//   - Ordinary traffic that reaches unreleased pods while the desired pin waits goes to a
//     fallback: a subset of released pods that proxies already have, if there is one. Without
//     it, every change of the pin would start a new wait.
//   - Ordinary traffic moves only to ready pods, unless no pod is ready where it goes now. If
//     no released pod exists, it moves only when the pods that serve it now can't. Other rows
//     don't wait for that. Only eligible pods count: those that were released when ordinary
//     traffic last went where the table wants it, and those released since.
//   - A namespace sees a table once it has been meant for that namespace for the propagation
//     delay: until then another DestinationRule may hide from proxies what the table
//     references. A namespace that must no longer see a table loses it at once, for the same
//     reason.
//   - If a user defines a subset with the name of a generated one and other labels, no route
//     references either. An override row goes at once, ordinary traffic to another subset.
//   - A cluster goes once no route has referenced it for the drain delay.
//   - Ordinary traffic moves from a pin to the whole Service only once all pods behind it
//     have been released ones for the drain delay, or if compile finds nothing to pin to. If
//     no pinned pod is ready and other pods are, it moves as soon as proxies have forgotten
//     unreleased pods that have just gone.
//   - No route leads to pods that can't serve: an override row goes at once.
//
// A DestinationRule therefore holds the desired subsets, and those that routes may still
// reference. A VirtualService is the desired one without the rows that may not be referenced
// yet (their requests reach the released version, as they did before the version existed),
// and with ordinary traffic left where it would otherwise be served worse. If ordinary
// traffic may not move yet, it is the stored one without the rows of versions that can't
// serve.
package plan
