// Package conform defines the requests that are sent to a data plane, and the required
// answers.
//
// Input: worlds (Services, workloads, a user's objects), cases picked by hand, and a
// seed: [Generate] makes more cases from it, the same for the same seed. Output: for each
// case, the expectation ([Oracle.Expect]), as route.Evaluate derives it from the tables
// compiled from the world; and the differences between it and the observation
// ([Expectation.Compare]).
//
// The package does no I/O. It must not know which data plane played a case, nor derive
// the expectation from what a data plane did.
package conform
