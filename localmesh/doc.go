// Package localmesh runs a real Kubernetes and Istio mesh on one Linux machine,
// without containers and without root, for tests, benchmarks and demos.
//
// [Start] brings up etcd, kube-apiserver, kube-controller-manager and istiod,
// [Start] starts etcd, kube-apiserver, kube-controller-manager and istiod, built once
// from their Go modules, in their own user and network namespaces, and a node agent that
// runs Pods: each in its own network, with a real Envoy under istiod's xDS if Istio
// injected a sidecar or a gateway. Images are names of programs ([Options.Images]).
// [Mesh.Apply] and [Mesh.WaitReady] deploy, [Mesh.Client] makes requests from inside a
// Pod, through its sidecar, and [Mesh.Settle] waits until every proxy has received the
// applied objects.
//
// Several meshes run side by side: they don't see each other, and the machine sees only a
// port on loopback through which kubectl reaches each. Nothing is left running when the
// process that started a mesh ends, however it ends. The package never touches the
// cluster of a user's kubeconfig.
package localmesh
