// Package manifesttest writes large manifests, for benchmarks.
//
// They look like what a Helm or Kustomize pipe prints: a Service for each of
// many services, and a Deployment for each of its versions, with pod templates
// of the usual length. The same arguments give the same bytes.
package manifesttest
