// Command converge measures how long proxies take to have what was written, with
// hundreds of them: simulated sidecars, each with a delta xDS stream of its own to
// the real istiod of a local mesh, that subscribe and acknowledge as Envoy does.
//
// In each round a DestinationRule gets a new subset and a VirtualService a route
// to it: at once, some time later, or when istiod's sync status says that all
// proxies have the subset. For every proxy it notes when the subset's endpoints
// had come (before that, Envoy answers 503) and when the route had; and holds
// what the sync status said against that.
//
// It prints two Markdown tables, and ends with an error if the sync status ever
// called a subset settled that a proxy had not, or when a proxy was silent.
// Nothing else is judged.
package main
