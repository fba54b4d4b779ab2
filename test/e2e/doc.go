// Package e2e has no code: its tests play requests on real data planes. See
// docs/conformance.md.
package e2e
