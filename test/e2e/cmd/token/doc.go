// Command token measures what override tokens cost a gateway. On a local mesh, three real gateways
// serve the same host with the same routes: "open" follows the override header as it comes, and so
// does "control", whose difference from it is noise; "guarded" follows tokens only. It prints a
// Markdown table: the CPU time of the gateway's Envoy for each kind of request, in blocks that
// alternate in one run.
//
//	main.go    flags; the steps in their order
//	world.go   manifests, keys and tokens
//	kinds.go   the kinds of requests
//	trail.go   the same for a gateway that reports requests with overrides (-trail)
//	report.go  the table
package main
