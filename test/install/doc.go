// Package install installs the Helm chart with Helm, in a cluster with a real etcd and
// kube-apiserver, and uninstalls it.
//
// The cluster has no kubelet. The tests do its work: they run the program with the
// arguments and the account of a pod, end it when its Deployment is deleted, and report
// how a Job's pod has ended. At the end they compare the cluster's objects with those
// before. Package underload does the same on a mesh, with the chart's pods and under
// load.
package install
