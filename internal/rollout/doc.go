// Package rollout writes to a cluster what generate would print for it, once: for those
// who run no operator.
//
// In: what is wanted, and a cluster. Out: the objects in it, and a line for each write.
// Package plan decides about every step, so that DestinationRules are written before the
// VirtualServices that name their subsets, and outlive these; rollout takes the steps,
// waits until the next ones may be taken, and ends when there are none. Objects that are
// labelled as the generator's and not wanted any more are deleted, in the namespaces that
// are wanted for. It must never write outside of these, nor touch what another
// installation of Overrides has written; what somebody else has applied only where it is
// told to.
//
// A dry run takes the same steps without storing anything, and without waiting.
package rollout
