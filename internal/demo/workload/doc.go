// Package workload reads from manifests what workloads run: how many pods, with which
// labels and which environment. Package discover reads the same manifests for whatever
// decides routes, and keeps none of this.
//
// Input: YAML or JSON documents. Output: workloads, sorted. Broken documents and
// documents of other kinds are skipped: their readers elsewhere report what is wrong. The
// package never starts anything.
package workload
