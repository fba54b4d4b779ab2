// Package soak runs the real operator on a local mesh while versions of a handful
// of Services come, become ready, crash, recover, are rolled in place and go, and
// judges every request of a steady load meanwhile.
//
// In go a seed and a number of cycles, a cycle being all that happens to one
// version from its deployment to its end; out come counts of requests, by what was
// asked of them, and what was done. What happens follows from the seed and the
// number of the cycle alone, when it happens does not: the mesh takes its time. It
// must never decide by the operator's own word whether a request went right.
package soak
