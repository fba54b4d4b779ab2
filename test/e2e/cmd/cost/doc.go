// Command cost measures what overrides cost ordinary traffic. On a local mesh it
// sends requests through a caller's real sidecar under istiod's xDS, to Services
// with 0, 10, 100 and 1,000 versions, in turn, in one run.
//
//	ordinary   without an override
//	last       with an override that matches the last of the rows of versions
//	set        with a set that matches the last of the rows of sets, which are behind these
//	miss       with an override that matches none of them
//
// Each Service exists three times: as Overrides generates it, without the row that
// takes ordinary requests first, and without the rows of sets. It prints medians over
// the rounds, and what the proxy's memory is with all routes, as Markdown tables. It
// judges nothing.
//
//	main.go      flags; starts the mesh, and deploys
//	services.go  the Services and their objects
//	measure.go   the kinds of requests
//	report.go    the tables
package main
