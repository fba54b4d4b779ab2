// Package source reads Kubernetes objects, from manifests or from a cluster,
// into [discover.Objects].
//
// [Read] takes files, directories and standard input; [Cluster] makes a few
// list requests. [Documents] reads single objects of a cluster, with all their fields. Both go on where they can: input that is broken, or that can't or
// may not be read, becomes a diagnostic and the rest is read. A Go error is an API
// server that can't be reached, or a path that makes no sense.
//
// The package decides nothing about what it reads: which kinds matter, and
// what a document of such a kind has to look like, is known to package
// discover. It writes nothing, anywhere, and does not log.
package source
