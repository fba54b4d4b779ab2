// Package demo runs the workloads of manifests on this machine, without a
// cluster: each pod is a real HTTP server on loopback ([chain]), each workload
// has a real Envoy for its calls, and the Envoys are configured from the same
// route tables as a mesh, by files.
//
// In: manifests (those of the examples, or a folder that is followed), and an
// Envoy. Out: an address that takes requests, and what is printed about it.
// Images are not run: every workload is played by the sample server.
//
// It must never touch a cluster, nor listen on anything but loopback, and leaves
// no process and no file behind.
package demo
