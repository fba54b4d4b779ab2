// Package preview makes the manifests of a preview: a copy of the released workload of a
// Service that runs another image as a version of its own, and a Service for it if its pods
// can't safely be behind the Service itself.
//
// [Find] says which objects are copied, and [Make] copies them, given their documents: of
// manifests these are as people wrote them, of a cluster as the API server has them. The
// result is checked before it is returned: with it, the pipeline must make a route to the
// version, and ordinary traffic must stay as it is (package prove). If there is no such
// result, there is none at all, and a diagnostic says why.
//
// No selector of another workload may match the pods of the preview: that workload would
// adopt them. The time of expiry comes in as a value.
//
//	preview.go    Request, Make: the steps in their order
//	find.go       the Service, and the released workload
//	existing.go   what has the name or the version already
//	document.go   documents as trees, and their parts
//	template.go   the pods' template of a workload, without what does not fit a copy
//	placement.go  what keeps pods of a workload apart
//	container.go  which container gets the image
//	name.go       names of objects
//	label.go      labels that no other selector matches
//	selector.go   selectors of workloads and of Services
//	object.go     the Deployment and the Service
//	home.go       what a namespace of its own takes
//	check.go      whether a result does what it should
//	tell.go       what users must know of the result
package preview
