// Package agent makes the pods of the local mesh real: a small kubelet, and the
// scheduler of its only node.
//
// In go the Pods of an API server, and the programs that stand for images; out
// come running processes, each pod in a [Sandbox] of its own, and the status and
// Events of the Pods. [Run] registers a Node, binds pods that have none, and runs one
// worker for each pod.
//
// What happens next is decided by a machine of plain values (pod, container,
// threshold, backoff), which is told what has happened and what time it is;
// workers do what it says. Only they do I/O.
//
// Containers of Istio's proxyv2 image are not run as they are: istio-iptables
// completes at once, as the sandbox redirects already; the proxy is a stock
// Envoy with a bootstrap of package proxy.
//
// It differs from a kubelet in that delays are shorter, and that a startup or
// readiness probe is asked more often than its period says until it first
// succeeds, so that tests don't wait for it. It does not differ in that a pod that
// was deleted stays ready while its readiness probe says so: EndpointSlices know.
//
// It knows no volumes: none is mounted, service account tokens included. Limits,
// security contexts, host networking and ephemeral containers are not observed.
// It must never run anything outside a sandbox.
package agent
