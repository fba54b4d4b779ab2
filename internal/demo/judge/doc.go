// Package judge says whether a request took the way that it should have taken,
// by the route tables, hop by hop.
//
// In: tables, pods, and the answer of a chain of services. Out: nothing, or what
// is wrong. While the tables change, either way is right, at each hop; before and
// after that only one is. It sends nothing itself, and must never take the
// configuration of an Envoy for granted: it knows the tables alone.
package judge
