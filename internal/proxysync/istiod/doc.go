// Package istiod asks every istiod of a cluster what its proxies have.
//
//	session.go   finds the istiods, connects to all of them, asks all at once
//	stream.go    one xDS stream: questions and answers, over TLS
//	frame.go     gRPC's and xDS's encodings, as far as they are needed
//	answer.go    istiod's JSON → what package proxysync judges
//	route.go     what is subscribed to: Envoy's routes → their names
//	identity.go  who asks: a token, and the certificate to trust
//
// In: access to the API server, and to istiod. Out: [proxysync.Answer],
// [proxysync.Names] and [proxysync.Routes]. It must never ask a proxy's whole configuration ("config_dump"):
// istiod makes it anew for that, and may put what it makes, from an old push, into
// the cache that proxies are served from.
//
// It uses the resources of xDS type "istio.io/debug" on istiod's port for proxies
// (15012), as istioctl does, and not the debug pages on the port for metrics:
// these are plain text, and a token would go over the network for all to read.
// istiod answers an identity of its own namespace only. So the token asked for is
// that of a service account there, which has no permission in Kubernetes; asking
// for it is all that the operator must be allowed.
//
// Routes are subscribed to on the same stream, as a proxy of that namespace would; by
// names that no proxy subscribes to unless it detects the protocol of a port, and as a
// proxy of no version: nothing in istiod's cache is shared with others.
package istiod
