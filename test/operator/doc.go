// Package operator runs the operator against a real etcd and kube-apiserver.
//
// What other controllers would do, the tests do: they write Deployments, Pods and
// EndpointSlices as these would. What the operator makes of it is held against
// what the generator prints for the same cluster, byte for byte, and its requests
// are counted on their way.
package operator
