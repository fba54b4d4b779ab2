// Package compiletest generates clusters and requests for property tests: small
// ones, in which names, versions, labels, hosts and matches meet often.
//
// What a cluster has beside its Services are [Shapes]: kinds of objects and of
// fields that Istio treats differently. A test takes all of them, or names those
// that it is about. Every generated object is one that Istio accepts, but those of
// the shape [Refused], which has to be asked for.
//
// [Manifests] prints a cluster as the YAML that its users would have written, and
// [Request] makes requests that often fit what was generated.
package compiletest
