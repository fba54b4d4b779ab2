// Package current says what is so of each Service at this moment, for somebody on call:
// where its ordinary traffic is and whether pods are ready there, at which doors it
// reaches previews, and what waits for what until when.
//
// In: a look at the cluster, the objects of ours that are in place, and the plan that was
// made from them, as values. Out: what is so of each Service that has previews or objects
// of ours, and warnings of what must not be so. It must never read a clock.
//
// Package compile says how a Service is to be; this package says how it is. For doors
// other than routes of ours that is the same.
package current
