// Command cost measures what overrides cost ordinary traffic: on a local mesh, a
// caller's real sidecar under istiod's xDS is sent requests to Services with 0,
// 10, 100 and 1,000 versions, in turn, in one run.
//
//	ordinary   without an override
//	last       with one that the last of the override routes takes
//	miss       with one that none of them takes
//
// Each Service is there twice: as Overrides makes it, and ("bare") without the
// row that takes ordinary requests first. Blocks of requests of all kinds follow
// one another in an order that changes each round; it prints medians over the
// rounds, as a Markdown table. It judges nothing.
package main
