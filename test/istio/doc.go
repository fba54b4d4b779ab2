// Package istio holds Overrides' output against the real Istio, offline: its
// own validation ([validate]) and the routes that its control plane would send
// to a sidecar ([oracle]).
//
// It is a module of its own so that nothing of Istio's control plane becomes a
// dependency of the commands. Nothing but tests imports it.
//
// [validate]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/validate
// [oracle]: https://pkg.go.dev/github.com/overrides-mesh/overrides/test/istio/oracle
package istio
