// Package proxysync decides, from the state that istiods report for their proxies, which
// pending clusters and routes every proxy has acknowledged.
//
// In: the answers of all istiods to "syncz"; the cluster names that some of their proxies
// were sent ("adsz?proxyID="); the routes that istiods sent to the operator; the pending
// clusters and rows; the pods with a proxy; and the time, all as values. Out: the
// acknowledgements for [plan.Input], the questions for the next round, and the number of
// proxies in each state. It must never report something as acknowledged that a proxy may
// lack: if it is not sure, it reports nothing, and package plan waits.
//
//	evaluate.go  one round: the state of each proxy, for each pending cluster
//	route.go     the same for override rows
//	question.go  which proxies to ask about next
//	memory.go    what earlier rounds found
//
// A proxy that istiod reports as synced has acknowledged what it was sent. But istiod may
// have sent that before it saw the object, or before it pushed it. So:
//
//	fact                                     source
//	---------------------------------------  -----------------------------------------
//	push V of an istiod has the cluster      a proxy's list of clusters contains the name
//	                                         (for each port of the host), and the proxy was
//	                                         last sent clusters in push V
//	a proxy has the cluster                  it acknowledged clusters of push V or later, or
//	                                         its list contains the name
//	… and can send requests there            it acknowledged the endpoints that it was sent
//	                                         last: istiod sends some with new clusters,
//	                                         before these are acknowledged
//	a proxy does not need the cluster        its current list has no cluster of the host,
//	                                         and the host is not new
//	no proxy is missing                      every ready pod with a proxy is in an answer
//
// For routes, istiod does not report names, but only the push in which it last sent routes
// to a proxy. So the operator subscribes to routes itself, as a proxy does:
//
//	fact                                     source
//	---------------------------------------  -----------------------------------------
//	push V of an istiod has the row          a response to the operator has it, from the
//	                                         right object and with the right cluster; V is
//	                                         the push of that response, or of another one
//	                                         that follows shortly after (see quietPeriod)
//	a proxy has the row                      it acknowledged routes of push V or later; for
//	                                         a waypoint, listeners, which contain its routes
//	a proxy does not need the row            as for clusters; or the row is not exported to
//	                                         its namespace; or the proxy is a gateway
//
// All of this must hold for every proxy of every istiod in two rounds in a row. A nonce of
// istiod contains the number of the push: "2026-01-02T03:04:05Z/17" and a UUID. Each istiod
// counts its pushes from its start. Each push is of the whole configuration, so a later one
// contains all of an earlier one.
//
// A name alone proves nothing if a cluster of that name existed before with other labels, or
// if a row of that name existed a moment ago. Package plan waits for these.
package proxysync
