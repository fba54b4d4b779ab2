// Package picture writes the path of a request as a graph, in Mermaid or in Graphviz's language.
//
// The input is a list of nodes, each with the one that it is drawn from; the output is text for
// a writer. The package knows nothing of requests: the same nodes give the same bytes.
package picture
