// Package explain says in words where a request goes and why.
//
// A [Query] goes in: a service, or a chain of them, and the headers of one
// request. Out comes an [Explanation]: for each hop the row of the route table
// that takes the request and why the other rows don't, and for each member of
// the override carriers whether it can have an effect at all. It can be written
// as text, JSON, Mermaid or Graphviz.
//
// Nothing is decided here: package mesh says whose routes the caller's proxy has,
// and route.Evaluate which of them takes the request. The package does no I/O and
// changes none of its input.
package explain
