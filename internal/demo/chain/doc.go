// Package chain is the service of which the sample chain is made: an HTTP handler
// that calls the next services and answers with what it and they have seen.
//
// In: a name, a version, the URLs to call. Out: for each request one [Answer], a
// tree of who served it, in JSON.
//
// It passes the carriers on as any service does, with pkg/override, and never
// looks at what they say: who serves is for the proxies to decide.
package chain
