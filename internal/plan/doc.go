// Package plan decides which object to write next, and when, so that no proxy
// ever holds a route that leads nowhere.
//
// In: what package compile wants, what is in the cluster, what earlier plans
// remember, and the time, as values. Out: the steps that may be taken now, each
// of them one object, and when to look again. It must never read a clock, wait,
// or change its input; and what it remembers must be dispensable: a [Memory]
// that was lost costs a wait, never a request.
//
// Proxies receive each object late, and different objects in any order. A
// cluster is what a destination names: a Service's host, or a subset of it.
//
//	change              first                     then                         waits
//	------------------  ------------------------  ---------------------------  -----------
//	version appears     subset, when a pod exists route, when one is ready     Wait
//	first preview       subset of the pin         routes with the pin          Wait
//	pin moves           subset of the new pin     routes name it; the table    Wait
//	                                              stays as it was until then,
//	                                              or names a pin that is there
//	… to what isn't     nothing: ordinary traffic the pin moves, when a pod    none
//	ready, or there     stays where it is served  is ready
//	version not ready   route goes, at once       (the subset stays)           none
//	… and ready again   route returns             at once the first time; a    Calm, doubled
//	                                              flapping one waits longer    each time
//	version goes        route goes, at once       subset, when none named it   Keep
//	last preview goes   override rows, at once    pin and the whole table,     Keep, twice
//	                                              then the subsets
//	name taken away     (the proxies have nothing to lose)                     none
//	under our feet
//	more callers are    (the table as it is, for                the table, for  Wait
//	to see a table      those who see it already)               all of them
//	left alone          the whole table goes, at once           subsets         Keep
//
// Wait is how long proxies may take to have what was written. Where they tell
// (Input.Settled), nothing waits longer than they need. Keep is how long
// something stays that nobody names any more; at least Wait.
//
// The rules, of which the rows above are the consequences:
//
//   - A route names a cluster only if the one in place names it already, or the
//     proxies have had the cluster for long enough.
//   - Where the wanted pin has to wait while ordinary traffic reaches pods that are
//     not released, it goes to a subset of released pods that proxies have already,
//     if there is one: every change of the pin begins a new wait.
//   - Ordinary traffic moves only to pods that are ready, unless none is where it is
//     now; and leaves these, where what is named as released is not there, only when
//     they can't serve. Other rows don't wait for that. Pods count of which it may have:
//     those that were released when it was last where it was to be, and since.
//   - A table is shown to callers when it has been meant for them for long enough: before
//     that a rule of somebody else's may hide from their proxies what it leads to. Who is
//     not to see it any more doesn't, at once, for the same reason.
//   - Where a user has a subset with the name of one of ours and other labels, neither is
//     used: an override row goes without waiting, ordinary traffic to another subset.
//   - A cluster goes only when no route has named it for long enough.
//   - Ordinary traffic moves from a pin to the whole Service only when all pods
//     behind it have been released ones for long enough, or if compile says that
//     there is nothing to pin to. Where no pinned pod is ready any more and others
//     are, it moves as soon as proxies have forgotten those that have just gone
//     and were not released.
//   - What can't serve is not routed to: an override row goes without waiting.
//
// A DestinationRule thus holds what is wanted and what may still be named. A
// VirtualService is the wanted one without the rows that may not be named yet
// (their requests get the released version, as before the version was there), and
// with ordinary traffic at the pods where it is while it would be served worse;
// or, where ordinary traffic may not move yet, the one that is in place, without
// the rows of versions that can't serve.
package plan
