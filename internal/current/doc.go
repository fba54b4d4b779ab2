// Package current describes the present state of each Service, for somebody on call:
// where its ordinary traffic goes and whether pods are ready there, at which doors it
// reaches previews, and which writes wait, for what, and until when.
//
// Input: a snapshot of the cluster, the objects of Overrides in it, and the plan made
// from them, as values. Output: the state of each Service that has previews or objects of
// Overrides, and warnings about states that need action. The package never reads a clock.
//
// Package compile says how a Service should be; this package says how it is. For doors
// other than routes of Overrides, both are the same.
package current
