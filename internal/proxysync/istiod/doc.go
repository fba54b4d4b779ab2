// Package istiod queries every istiod of a cluster for the state of its proxies.
//
//	session.go   finds the istiods, connects to all of them, queries all at once
//	stream.go    one xDS stream: questions and answers, over TLS
//	frame.go     the encodings of gRPC and xDS, as far as they are needed
//	answer.go    istiod's JSON → values of package proxysync
//	route.go     the subscription to routes: Envoy's routes → their names
//	identity.go  the token to authenticate with, and the certificate to trust
//
// In: access to the API server and to istiod. Out: [proxysync.Answer], [proxysync.Names] and
// [proxysync.Routes]. It must never ask for the whole configuration of a proxy
// ("config_dump"): istiod builds it anew for that, and may put parts of it, from an old
// push, into the cache that it serves proxies from.
//
// Like istioctl, it uses resources of the xDS type "istio.io/debug" on istiod's port for
// proxies (15012). The debug pages on the port for metrics are plain text: a token would
// cross the network readably. istiod answers only identities of its own namespace. So the
// operator authenticates with a token of a service account there, which has no permission
// in Kubernetes; requesting that token is the only right that the operator needs.
//
// It subscribes to routes on the same stream, like a proxy of that namespace. It uses names
// that a proxy subscribes to only if it detects the protocol of a port, and states no proxy
// version. So it shares no entry of istiod's cache with any proxy.
package istiod
