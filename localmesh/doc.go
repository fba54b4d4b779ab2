// Package localmesh runs a real Kubernetes and Istio mesh on one Linux machine,
// without containers and without root, for tests, benchmarks and demos.
//
// [Start] brings up etcd, kube-apiserver, kube-controller-manager and istiod,
// built once from their Go modules, in user and network namespaces of their own,
// and a node agent that runs Pods: each in a network of its own, with a real
// Envoy under istiod's xDS where Istio injected a sidecar or a gateway. Images
// name programs ([Options.Images]). [Mesh.Apply] and [Mesh.WaitReady] deploy,
// [Mesh.Client] makes requests from inside a Pod, through its sidecar, and
// [Mesh.Settle] waits until every proxy has what was applied.
//
// Several meshes run side by side: nothing of one is seen by another or by the
// machine, but for a port on loopback by which kubectl reaches it. Nothing is
// left running when the process that started a mesh ends, however it ends. It
// must never touch a cluster that somebody's kubeconfig names.
package localmesh
