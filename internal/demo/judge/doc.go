// Package judge decides whether a request took the right path according to the route
// tables, hop by hop.
//
// Input: tables, pods, and the answer of a chain of services. Output: nothing, or the
// fault. While the tables change, both paths are right, at each hop; before and after
// that only one is. The package sends nothing itself, and must never rely on the
// configuration of an Envoy: it knows only the tables.
package judge
