// Package traffic is the load of a demo: ordinary requests and requests with an override,
// sent by package load and judged.
//
// Input: a client, the Service to call, and a judge of the answers. Output: counts, and
// the first few faults as text. It is not a benchmark: it sends few requests a second,
// and only to its target.
package traffic
