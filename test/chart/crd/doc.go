// Package crd tests the CustomResourceDefinitions of config/crd without a
// cluster: with the API server's own packages it checks that they would be
// admitted, and that objects of their kinds are accepted or refused as they
// should be, by schema and by CEL rules.
//
// It belongs to the module of the chart, which installs these definitions and needs
// the same packages; the main module does not. It holds tests only.
package crd
