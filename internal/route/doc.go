// Package route holds the route table that the core compiles each host into,
// and evaluates requests against it.
//
// A [Table] is an ordered list of routes: the first that matches a request
// takes it. Every output is a translation of a table, and [Evaluate] answers
// for a table what a proxy that was configured from it would do. The matching
// rules are those that Istio gives to Envoy (see match.go); nothing in here
// knows Services, versions or files.
package route
