// Package fleet fills a cluster with Services that have two versions each, as they look
// if Kubernetes' controllers and kubelets run: Deployments with their ReplicaSets, ready
// Pods and EndpointSlices. None of them runs.
//
// It is for measuring the cost of reading a large cluster. It writes as fast as the API
// server accepts, and never to a namespace that already exists.
package fleet
