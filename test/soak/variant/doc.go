// Package variant prepares the modes of an operator that runs outside of a local mesh:
// with the readiness gate, or asking istiod.
//
// Input: a mesh and a manifest of config/install. Output: flags of the operator, which
// others start.
package variant
