// Package demo runs the workloads of manifests on this machine, without a cluster: each
// pod is a real HTTP server on loopback ([chain]), each workload has a real Envoy for its
// calls, and files configure the Envoys from the same route tables as a mesh.
//
// Input: manifests (the examples, or a folder that is followed), and an Envoy. Output: an
// address for requests, and messages. Images are not run: the sample server plays every
// workload.
//
// The package must never access a cluster, or listen on an address other than loopback,
// and it leaves no process and no file behind.
package demo
