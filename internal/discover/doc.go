// Package discover turns Kubernetes and Istio objects into a [model.Snapshot].
//
// [Objects.Decode] takes one document of a manifest at a time, a cluster's
// reader fills [Objects] directly; [Objects.Snapshot] then says what is behind
// each Service and what people have asked for in annotations and policies.
// From YAML the templates of workloads speak for their pods; from a cluster
// the pods and EndpointSlices speak for themselves. The kinds that are read stand
// in one list, [Kinds]; of others is noticed what makes pods ([Unread]).
//
// Nothing is decided here: which version is released, and what follows from
// it, is the business of package compile.
package discover
