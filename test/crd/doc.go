// Package crd tests the CustomResourceDefinitions of config/crd without a
// cluster: with the API server's own packages it checks that they would be
// admitted, and that objects of their kinds are accepted or refused as they
// should be, by schema and by CEL rules.
//
// It is a module of its own, since these packages would weigh on the main
// module's dependencies. It holds tests only.
package crd
