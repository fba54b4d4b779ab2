// Package crd tests the CustomResourceDefinitions in config/crd without a cluster: with
// the API server's own packages it checks that they would be admitted, and that objects
// of their kinds are accepted or rejected by schema and CEL rules as they should be.
//
// It is part of the chart's module, which installs these definitions and needs the same
// packages; the main module needs neither. It has only tests.
package crd
