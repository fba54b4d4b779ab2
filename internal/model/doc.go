// Package model defines the values that the core works on: the content of a cluster or of
// manifests, reduced to what decides routes.
//
// Package discover makes a [Snapshot], and package compile reads it. Values are never
// changed after they were made; slices are sorted by namespace and name, so that equal
// input gives equal snapshots.
package model
