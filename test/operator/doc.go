// Package operator runs the operator against a real etcd and kube-apiserver.
//
// The tests do the work of other controllers: they write Deployments, Pods and
// EndpointSlices as these would. They compare the operator's objects with the generator's
// output for the same cluster, byte for byte, and count its requests.
//
// Operators run as ServiceAccounts with the permissions of the chart with all its features
// (account_test.go). The API server records their requests, and after all tests, no request may
// have been denied, and each permission must have been used (audit_test.go).
package operator
