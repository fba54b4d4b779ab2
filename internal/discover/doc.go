// Package discover turns Kubernetes and Istio objects into a [model.Snapshot].
//
// [Objects.Decode] takes one document of a manifest at a time; the reader of a cluster
// fills [Objects] directly. [Objects.Snapshot] then lists the pods behind each Service, and
// the settings of annotations and policies. Pods of YAML input are known by the templates
// of their workloads, pods of a cluster by themselves and by EndpointSlices. [Kinds] lists
// the kinds that are read. Objects of other kinds matter only if they make pods ([Unread]).
//
// The package decides nothing: package compile finds out which version is released.
package discover
