// Package install installs the Helm chart with Helm, in a cluster with a real etcd
// and kube-apiserver, and removes it again.
//
// No kubelet runs there. The tests do what it would: they run the program with the
// arguments and the account of a pod, end it when its Deployment goes, and say of a
// Job how its pod has ended. What the cluster holds in the end is compared with what
// it held before. On a mesh, with the chart's pods and under load, the same is done by
// package underload.
package install
