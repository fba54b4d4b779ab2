// Command cost measures what overrides cost ordinary traffic. On a local mesh it
// sends requests through a caller's real sidecar under istiod's xDS, to Services
// with 0, 10, 100 and 1,000 versions, in turn, in one run.
//
//	ordinary   without an override
//	last       with an override that matches the last of the override routes
//	miss       with an override that matches none of them
//
// Each Service exists twice: as Overrides generates it, and ("bare") without the
// row that takes ordinary requests first. Blocks of requests of all kinds alternate
// in an order that changes each round; it prints medians over the rounds, as a
// Markdown table. It judges nothing.
package main
