// Package controlplane runs a real Kubernetes and Istio control plane as plain
// processes on loopback: no container runtime, no root.
//
// [Start] brings up etcd and kube-apiserver, built from their Go modules by
// package program, and returns when the API server is ready. That is all for
// who reads and writes objects: nothing acts on them.
// [Plane.StartControllers] adds kube-controller-manager and [Plane.StartIstiod]
// Istio, with its kinds, webhooks and permissions; [Plane.InstallCRDs] adds
// kinds alone, among them Istio's ([IstioCRDs]). Nothing runs Pods here: package
// agent does.
//
// Everything is in a folder of its own and goes with [Plane.Stop]; programs of a
// process that was killed are stopped by the kernel (Linux). It must never touch
// a cluster that somebody's kubeconfig names.
package controlplane
