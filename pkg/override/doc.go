// Package override forwards overrides: from the request that a service is
// answering to the requests that it makes meanwhile.
//
// The carriers are the header x-override, or the name that the mesh uses
// instead, and the W3C header baggage. A service forwards them with two lines:
//
//	handler = override.Middleware(handler)               // incoming → context
//	client := &http.Client{Transport: &override.Transport{}} // context → outgoing
//
// and by making its requests with the context of the request that it answers:
//
//	req, err := http.NewRequestWithContext(r.Context(), ...)
//
// Input: the headers of an incoming request, or any lookup of values by name, such
// as gRPC metadata or the attributes of a queued message. Output: the same values,
// byte for byte, with all their lines in order.
//
// Messages and other programs get the carriers too, by [Carriers.AddToMap] and [Environ].
// Forwarding never reads the contents of carriers, and never changes a request or a header
// of its caller; [Carriers.Requested] reads them for logs. Package queue decides by them
// which version takes a message, and the modules overridegrpc and overrideotel forward by
// gRPC and by OpenTelemetry. This one is a module of its own
// without requirements, for Go 1.22 and later: a service that imports it keeps its
// Go version and the versions of its dependencies.
package override
