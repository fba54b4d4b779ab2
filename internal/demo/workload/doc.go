// Package workload reads from manifests what their workloads run: how many pods,
// with which labels and which environment. Package discover reads the same
// manifests for what decides routes, and keeps none of this.
//
// In: YAML or JSON documents. Out: workloads, sorted. Documents that are broken
// or of other kinds are passed over: what is wrong with them is said by those who
// read all of a manifest. It must never start anything.
package workload
