// Command gateway measures what many previews cost a gateway. On a local mesh, one real gateway
// serves two hosts whose VirtualServices have the same routes: "shop", whose Service has previews,
// and "plain", whose Service has none. It prints Markdown tables:
//
//   - the routes and the memory of the gateway's Envoy before and with the companion that
//     overrides generate prints, and the time from applying one more preview until it serves;
//   - what requests to both hosts cost, in blocks that alternate in one run;
//   - what Overrides says of more previews than an object can hold, and what the API server does.
//
// The released version and the last preview have pods. The other previews have none, which costs
// a gateway just as much. It judges nothing but who serves a request.
//
//	main.go    flags; the steps in their order
//	world.go   manifests, and what overrides generate makes of them
//	served.go  requests, and the time until they are served
//	envoy.go   the routes of an Envoy
//	limit.go   more previews than an object can hold
//	report.go  the tables
package main
