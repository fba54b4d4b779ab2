// Package judge says of each request of a soak whether it went where it should
// have gone, while what is right changes all the time.
//
// In goes what the soak does to the cluster (a version is released, announced,
// taken away, crashed), and each request with its answer, which names who served
// every hop; out come counts by [Class], and each failure. Times come in as
// values. It must never take the cluster's word for what is right, and never
// forgive a request that it can't place.
package judge
