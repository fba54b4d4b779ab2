// Package report renders what Overrides found for people and for programs:
// diagnostics as text, JSON or SARIF, and the table of versions.
//
// Values of packages diag, model and compile go in, text goes to a writer. The
// package decides nothing: what is a problem, which version is released and
// what becomes of a Service was decided before. Same values, same bytes.
package report
