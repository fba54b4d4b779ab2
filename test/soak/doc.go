// Package soak runs the real operator on a local mesh while versions of a handful of
// Services are deployed, become ready, crash, recover, are rolled in place and deleted,
// and judges every request of a steady load meanwhile.
//
// Input: a seed and a number of cycles; a cycle has all events of one version, from its
// deployment to its end. Output: counts of requests, by kind, and of actions. The seed
// and the number of the cycle determine what happens, but not when, which depends on the
// mesh. The package must not use the operator's own statements to judge a request.
package soak
