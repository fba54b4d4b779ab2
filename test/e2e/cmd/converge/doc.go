// Command converge measures how long hundreds of proxies take to receive a written
// object. The proxies are simulated sidecars, each with its own delta xDS stream to the
// real istiod of a local mesh; they subscribe and acknowledge as Envoy does.
//
// In each round a DestinationRule gets a new subset and a VirtualService a route to it:
// at once, some time later, or when istiod's sync status says that all proxies have the
// subset. For every proxy it records when it received the subset's endpoints (before
// that, Envoy answers 503) and the route, and compares that with the sync status.
//
// It prints two Markdown tables, and fails if the sync status ever called a subset
// settled that a proxy did not have, or if a proxy was silent. It judges nothing else.
package main
