// Package route defines the route table that the core compiles each host into, and
// evaluates requests against it.
//
// A [Table] is an ordered list of routes: the first that matches a request takes it.
// Every output is a translation of a table, and [Evaluate] returns what a proxy with this
// configuration would do. The matching rules are those that Istio gives to Envoy (see
// match.go). The package does not know Services, versions or files.
package route
