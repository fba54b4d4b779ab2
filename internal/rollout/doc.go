// Package rollout writes the generated objects to a cluster once, for users who run no
// operator.
//
// Input: the wanted objects, and a cluster. Output: the objects in the cluster, and a
// line for each write. Package plan decides every step, so that DestinationRules are
// written before the VirtualServices that name their subsets, and deleted after them.
// Rollout takes the steps, waits until the next ones may be taken, and ends when there
// are none. It deletes objects with the generator's label that are no longer wanted, in
// the namespaces of the input. It must never write outside of these, nor change an object
// of another installation of Overrides; it changes objects that somebody else has applied
// only on request.
//
// A dry run takes the same steps without storing anything, and without waiting.
package rollout
