// Package conform says what is asked of a data plane, and what it has to answer.
//
// In go worlds (Services, workloads, objects of a user's), cases picked by hand,
// and a seed: [Generate] makes more cases of it, the same for the same seed. Out
// comes for each case what is to happen ([Oracle.Expect]), as route.Evaluate says
// it of the tables that were compiled from the world; and what is wrong with what
// did happen ([Expectation.Compare]).
//
// It does no I/O, and must never know which data plane played a case, nor look
// at what a data plane did to say what it should have done.
package conform
