// Package edge makes the objects with which an ingress gateway takes overrides from what a
// browser can send: the name of a preview host, or a cookie.
//
// [Make] returns an EnvoyFilter for the pods of a Gateway. Before the gateway routes a
// request, the filter removes the carriers that came with it (unless they are trusted), and
// makes an override header of the preview host or the cookie:
//
//	pr-118.preview.shop.example.com     x-override: *:pr-118
//	cookie: x-override=pr-118           x-override: *:pr-118
//	cookie: x-override=web:v2~cart:v2   x-override: web:v2,cart:v2
//
// With [Request.WithHosts], the output also has the Gateway and the VirtualServices that
// serve the preview hosts: copies of the user's for the ordinary host.
//
// The filter is static. It names hosts and patterns, and no version, since a change of it
// cuts long streams (docs/edge.md). It has no effect on a request without a carrier, a
// preview host or the cookie; a host that ordinary requests use is never a preview host.
//
// [Filter.Carried] evaluates what the filter makes of one request, with the patterns that Envoy
// gets.
//
// [Decide] decides what the policies of a snapshot mean, and [Next] in which order their objects
// are written.
//
//	policy.go      policies: which are in force, and what they ask for
//	open.go        Gateways without a policy at which the default is not in force
//	order.go       the order of writes
//	soften.go      guards that routes replace
//	claims.go      rules for claims, and the filter that needs them
//	edge.go        Request, Make: the steps in their order
//	pods.go        which pods the filter is for
//	host.go        preview hosts, and whether ordinary requests use them
//	pattern.go     patterns of hosts and cookies
//	expression.go  how Envoy evaluates them
//	mutation.go    what becomes of the headers of a request
//	ride.go        … that overrides may ride in
//	filter.go      the EnvoyFilter
//	program.go     … and its filter that reads the values of carriers
//	carried.go     what it does to a given request
//	link.go        … and its routes that set the cookie
//	token.go       … or of tokens: the filter that checks them
//	parts.go       … for an Envoy that no istiod configures
//	location.go    … and its filter that leads redirects back to the preview host
//	guard.go       AuthorizationPolicies that guard requests with an override
//	server.go      servers of a Gateway for preview hosts
//	service.go     VirtualServices for preview hosts
//	route.go       … and their routes
package edge
