// Package localmesh runs a real Kubernetes control plane as plain processes on
// loopback: no container runtime, no root.
//
// [Start] brings up etcd and kube-apiserver, built from their Go modules by
// package program, and returns when the API server is ready. Nothing runs
// behind it that would act on objects: no controller, no scheduler, no kubelet;
// who needs Pods or EndpointSlices writes them. [APIServer.InstallCRDs] adds
// kinds, among them Istio's ([IstioCRDs]).
//
// Everything is in a folder of its own and goes with [APIServer.Stop]; programs
// of a process that was killed are stopped by the kernel (Linux). It must never
// touch a cluster that somebody's kubeconfig names.
package controlplane
