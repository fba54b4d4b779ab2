// Package diag holds what Overrides has to say about its input.
//
// Bad input is a value, never a panic and never a Go error: each pure package
// collects diagnostics and goes on with the rest. A [Diagnostic] names a
// [Code] from the closed list in codes.go, the object it speaks of, where that
// object was read from, what is wrong and what to do about it.
//
// The package does no I/O and knows nothing of how diagnostics are printed.
package diag
