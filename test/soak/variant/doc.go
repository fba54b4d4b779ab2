// Package variant has what an operator that runs outside of a local mesh needs to be
// run in another way than by its defaults: with the readiness gate, or asking istiod.
//
// In go a mesh and a manifest of config/install; out come flags of the operator. The
// operator itself is started by others.
package variant
