// Package agent makes the pods of the local mesh real: a small kubelet, and the
// scheduler of its only node.
//
// Input: the Pods of an API server, and the programs that run instead of images. Output:
// running processes, each pod in its own [Sandbox], and the status and Events of the
// Pods. [Run] registers a Node, binds pods that have none, and runs one worker for each
// pod.
//
// A machine of plain values (pod, container, threshold, backoff) decides the next steps
// from events and the time; workers execute them. Only workers do I/O.
//
// Containers of Istio's proxyv2 image do not run unchanged: istio-iptables completes at
// once, since the sandbox redirects already; the proxy is a stock Envoy with a bootstrap
// of package proxy.
//
// The agent differs from a kubelet in its shorter delays, and in that it runs a startup
// or readiness probe more often than its period says until it first succeeds, so that
// tests don't wait. As with a kubelet, a deleted pod stays ready while its readiness
// probe succeeds: EndpointSlices depend on that.
//
// The agent mounts no volumes, not even service account tokens, and ignores limits,
// security contexts, host networking and ephemeral containers. It must never run anything
// outside a sandbox.
package agent
