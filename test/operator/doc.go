// Package operator runs the operator against a real etcd and kube-apiserver.
//
// The tests do the work of other controllers: they write Deployments, Pods and
// EndpointSlices as these would. They compare the operator's objects with the generator's
// output for the same cluster, byte for byte, and count its requests.
package operator
