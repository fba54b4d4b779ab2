// Package same tells what differs for a request between two meshes: the one that
// users made, and the one with what Overrides adds. For an ordinary request there
// must be no difference but one: fewer pods may get it, those of the pin.
//
// In go two answers of package oracle; out come sentences. All that istiod wrote
// for the request is compared, field by field, whether or not anybody thought of
// the field: the virtual host, the route with its destinations and their shares,
// the clusters behind it. Before that both are brought into one form, in which
// the pin of a host is the host. These are left out on purpose: the route's match
// (both took the request), names of routes and of statistics, names in traces
// (decorators), and metadata that names the object which something comes from.
package same
