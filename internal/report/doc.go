// Package report renders results for people and for programs: diagnostics as text, JSON
// or SARIF, and the table of versions.
//
// The input is values of packages diag, model and compile; the output is text for a
// writer. The package decides nothing: it does not judge what is a problem, which version
// is released, or what becomes of a Service. The same values give the same bytes.
package report
