// Package explain says in words where a request goes and why.
//
// The input is a [Query]: a service, or a chain of them, and the headers of one request.
// The output is an [Explanation]: for each hop, the row of the route table that takes the
// request, and why the other rows don't; and for each member of the carriers, whether it
// can have an effect at all. It can be written as text, JSON, Mermaid or Graphviz.
//
// This package decides nothing itself: package mesh says which routes the caller's proxy,
// or a gateway, has, and route.Evaluate which of them takes the request. It does no I/O and does not
// change its input.
package explain
