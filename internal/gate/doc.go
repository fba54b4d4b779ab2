// Package gate decides which pods get a readiness gate, and when it opens.
//
// In: the objects of a namespace, and a pod that is being created; or waiting pods, and the
// pods that must not be ready yet according to package plan. Out: whether the pod gets the
// gate; whether the gate opens, and what to report. It must never hold up a released pod,
// close an open gate, or gate a pod if it is not known whether the pod will be released.
//
//	pod                                            gate           opens
//	---------------------------------------------  -------------  ------------------------
//	a Service pins ordinary traffic away from it   yes            when proxies have pin and
//	                                                              subset, for all Services
//	released, or behind no Service, or behind      no             (at once, if it became so
//	one that is skipped or not pinned                             later)
//	has the gate already                           no second one
//	created by a kubelet from a file               no
//
// If the pin can't be placed, the gate stays shut, unless a timeout is set: its purpose is
// that no unreleased pod serves ordinary requests.
package gate
