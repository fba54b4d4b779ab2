// Package diag defines the diagnostics that Overrides reports about its input.
//
// Invalid input gives a value, never a panic or a Go error: each pure package collects
// diagnostics and continues with the rest. A [Diagnostic] has a [Code] from the closed
// list in codes.go, the object it is about, the place where that object was read, a
// message, and a fix.
//
// The package does no I/O and does not know how diagnostics are printed.
package diag
