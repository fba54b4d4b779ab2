// Package cli is the command line: one file per command, over the same core.
//
// A command reads its input (input.go, cluster.go), sends it through the one
// pipeline (pipeline.go) and writes what it was asked for to stdout, and
// nothing else there. What there is to say to people goes to stderr. Exit codes
// are decided in one function, [exitCode]. No command routes, compiles or
// formats by itself: that is done by the pure packages.
package cli

//go:generate go run ./gendocs ../../docs/reference
