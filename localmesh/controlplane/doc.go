// Package controlplane runs a real Kubernetes and Istio control plane as plain
// processes on loopback: no container runtime, no root.
//
// [Start] starts etcd and kube-apiserver, built from their Go modules by package program,
// and returns when the API server is ready. This is enough for programs that read and
// write objects: nothing acts on them. [Plane.StartControllers] adds
// kube-controller-manager and [Plane.StartIstiod] Istio, with its kinds, webhooks and
// permissions; [Plane.InstallCRDs] adds only kinds, such as Istio's ([IstioCRDs]).
// Nothing runs Pods here: package agent does.
//
// All files are in one folder, which [Plane.Stop] deletes; the kernel stops the programs
// of a killed process (Linux). The package never touches the cluster of a user's
// kubeconfig.
package controlplane
