// Package model holds the values that the core works on: what is in the
// cluster or in the manifests, stripped of everything that does not decide a
// route.
//
// A [Snapshot] is made by package discover and read by package compile. Its
// values are never changed after they were made; slices are sorted by
// namespace and name, so that equal input gives equal snapshots.
package model
