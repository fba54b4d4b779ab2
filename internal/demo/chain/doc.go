// Package chain is the service of which the sample chain is made: an HTTP handler
// that calls the next services and answers with what it and they have seen.
//
// In: a name, a version, the URLs to call. Out: for each request one [Answer], a
// tree of who served it, in JSON.
//
// It copies the carriers from the request that it answers to those that it makes, as a
// service in any language can, and never looks at what they say: who serves is for
// the proxies to decide. Services in Go have the module pkg/override for that. This one
// does without: a requirement of the main module on a module beside it would have to
// be published before it, or be replaced, and then `go install` refuses the program.
package chain
