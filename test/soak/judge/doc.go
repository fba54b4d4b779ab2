// Package judge decides of each request of a soak whether it took an allowed path, while
// the allowed paths change constantly.
//
// Input: the soak's actions on the cluster (a version is released, announced, deleted,
// crashed), and each request with its answer, which names the server of every hop.
// Output: counts by [Class], and each failure. Times are parameters. The package must not
// take the rules from the cluster, and must not ignore a request that it can't classify.
package judge
