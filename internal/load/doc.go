// Package load sends a steady load of requests and counts the results.
//
// The input is [Source]s: a name, a rate and a function that makes one request. The
// output is a [Count] for each: how many requests were sent, the answers, the failures,
// and the latency. Requests are sent at their time whether or not earlier ones have been
// answered, like those of independent clients, so that a stall is visible. The package
// must never retry, and must count every request.
package load
