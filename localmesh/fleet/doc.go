// Package fleet fills a cluster with Services that have two versions each, as
// they look where Kubernetes' controllers and kubelets run: Deployments with
// their ReplicaSets, ready Pods and EndpointSlices. Nothing of it runs.
//
// It is for measuring what reading a large cluster costs. It writes as fast as
// the API server takes it, and never to a namespace that exists already.
package fleet
