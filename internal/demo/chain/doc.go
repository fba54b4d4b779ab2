// Package chain is the service of the sample chain: an HTTP handler that calls the next
// services and answers with what it and they have received.
//
// Input: a name, a version, the URLs to call. Output: for each request one [Answer], a
// tree of the servers, in JSON.
//
// It copies the carriers from the request that it answers to those that it makes, as a
// service in any language can, and never looks at their content: the proxies decide which
// version serves. Services in Go have the module pkg/override for this. This one does not
// use it: if the main module required a module beside it, that module would have to be
// published before it, or be replaced, and then `go install` refuses the program.
package chain
