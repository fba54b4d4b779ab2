// Package proxy runs Envoys, each configured by files that it watches.
//
// Input: a folder, and configurations of package envoy. Output: a running Envoy whose
// configuration is replaced as a whole, step by step: a step is done when the Envoy
// reports that it is in force, never after a fixed time. The package does not decide on
// the content of a configuration.
//
// It must never leave a process or a file behind, however this program ends: see [Guard].
package proxy
