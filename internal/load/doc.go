// Package load keeps a steady load of requests running and counts what became of
// them.
//
// In go [Source]s: a name, a rate and a function that makes one request; out
// comes a [Count] for each: how many were sent, what answered, what failed, how
// long it took. Requests are sent at their time whether or not earlier ones have
// been answered, as those of independent clients are, so that a stall shows. It
// must never retry, and never leave a request uncounted.
package load
