// Package load sends a steady stream of requests, ordinary ones and ones with an
// override, and counts what becomes of them.
//
// In: a client, the Service to call, and who judges the answers. Out: counts, and
// the first few of what went wrong, in words. It is no benchmark: it sends few
// requests a second, one after the other, to whom it was told to and nobody else.
package load
