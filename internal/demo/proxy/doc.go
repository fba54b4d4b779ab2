// Package proxy runs Envoys, each configured by files that it watches.
//
// In: a folder, and configurations of package envoy. Out: a running Envoy whose
// configuration is swapped as a whole, step by step: a step is done when the
// Envoy says that it is in force, never after a while. It decides nothing about
// what is in a configuration.
//
// It must never leave a process or a file behind, however this program ends: see [Guard].
package proxy
