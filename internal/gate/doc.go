// Package gate decides which pods get a readiness gate, and when it opens.
//
// In: what a namespace holds, and a pod that is about to be made; or pods that
// wait, and what package plan says must not be ready yet. Out: whether the pod
// gets the gate; whether it opens, and what to tell. It must never hold up a pod
// that is released, nor close a gate that is open, nor give a gate where it is
// not known what the pod will be.
//
//	pod                                            gate           opens
//	---------------------------------------------  -------------  ------------------------
//	some Service pins ordinary traffic away        yes            when proxies have pin and
//	                                                              subset, of all Services
//	released, or behind no Service, or behind      no             (one that became so later:
//	one that is left alone or not pinned                          at once)
//	has it already                                 no second one
//	made by a kubelet from a file                  no
//
// Where the pin can't be placed the gate stays shut, since what it is for is that
// nothing unreleased serves ordinary requests; unless a timeout is set.
package gate
