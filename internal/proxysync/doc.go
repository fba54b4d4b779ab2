// Package proxysync decides from what istiods say of their proxies which of the
// clusters and routes that were put in place every proxy has.
//
// In: what each istiod answered to "syncz", the names of clusters that some of
// their proxies were sent ("adsz?proxyID="), the routes that they sent us, the clusters
// and rows in question, the pods that have a proxy, and the time, as values. Out: what is
// for [plan.Input], what to ask next, and how many proxies are in which state. It must
// never call anything settled that a proxy may lack: where it is not known, it says
// nothing, and package plan waits.
//
// A proxy that istiod calls in sync has acknowledged what it was sent, and that may
// be from before istiod saw the object, or pushed it. So:
//
//	fact                                     taken from
//	---------------------------------------  -----------------------------------------
//	push V of this istiod has the cluster    a proxy's list of clusters has its name (for
//	                                         each port of the host), and the list is of
//	                                         what that proxy was sent in push V
//	a proxy has the cluster                  it acknowledged clusters of push V or later,
//	                                         or its list has the name
//	… and may be sent requests there         it has acknowledged the endpoints that it was
//	                                         sent last: istiod sends some with new clusters,
//	                                         before it hears that these are acknowledged
//	the cluster is none of its business      its list, as of what it was sent last, has
//	                                         no cluster of the host, which is not new
//	no proxy is missing                      every ready pod with a proxy is in an answer
//
// Of routes istiod tells no names, only the push that a proxy was sent its last ones in.
// So we subscribe to routes ourselves, as a proxy does:
//
//	fact                                     taken from
//	---------------------------------------  -----------------------------------------
//	push V of this istiod has the row        a response to us has it, of our object, leading
//	                                         where it is to; of push V, or of the next one
//	                                         that comes shortly after (see quiet)
//	a proxy has the row                      it acknowledged routes of push V or later; a
//	                                         waypoint listeners, which its routes are in
//	the row is none of its business          as for clusters; or it is not exported to its
//	                                         namespace; or the proxy is a gateway
//
// All of it must be so for every proxy of every istiod in two rounds in a row. The
// number of a push is in the nonces of istiod: "2026-01-02T03:04:05Z/17" and a UUID.
// It counts pushes of one istiod since that was started; pushes are of the whole
// configuration, so that a later one has what an earlier one had.
//
// The name alone says nothing where a cluster of that name was there before, with
// other labels; nor where a row was, a moment ago. Such a one is waited for.
package proxysync
