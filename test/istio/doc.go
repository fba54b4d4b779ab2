// Package istio compares Overrides' output with the real Istio, offline: with its
// own validation ([validate]) and the routes that its control plane would send to a
// sidecar ([oracle]), without that output and with it ([same]). It uses generated
// clusters, and the inputs of testdata/found, each of which once broke a promise. It
// also compares package mesh, which models what a proxy sees, with the same control
// plane.
//
// go.mod has the version of Istio. Each go.istio-VERSION.mod has another one:
// make test-istio ISTIO=VERSION.
//
// It is a separate module so that Istio's control plane does not become a dependency
// of the commands. Only tests import it.
//
// [validate]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/validate
// [same]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/same
// [oracle]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/oracle
package istio
