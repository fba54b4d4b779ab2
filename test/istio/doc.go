// Package istio holds Overrides' output against the real Istio, offline: its
// own validation ([validate]) and the routes that its control plane would send
// to a sidecar ([oracle]), without that output and with it ([same]). It does so
// for generated clusters, and for the inputs of testdata/found, on each of which
// a promise was once broken. Package mesh, which says what a proxy sees, is held
// against the same control plane.
//
// The version of Istio is that of go.mod. Each go.istio-VERSION.mod has another
// one: make test-istio ISTIO=VERSION.
//
// It is a module of its own so that nothing of Istio's control plane becomes a
// dependency of the commands. Nothing but tests imports it.
//
// [validate]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/validate
// [same]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/same
// [oracle]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/oracle
package istio
