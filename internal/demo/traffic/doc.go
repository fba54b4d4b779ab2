// Package traffic is the load of a demo: ordinary requests and requests with an
// override, which it sends through package load and has judged.
//
// In: a client, the Service to call, and a judge of the answers. Out: counts, and
// the first few faults in words. It is no benchmark: it sends few requests a second,
// and only to its target.
package traffic
