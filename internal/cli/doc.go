// Package cli is the command line: one file per command, over the same core.
//
// A command reads its input (input.go, cluster.go), sends it through the one pipeline
// (pipeline.go), and writes its results to stdout, and nothing else there. Messages for
// people go to stderr. One function, [exitCode], decides on exit codes. No command
// routes, compiles or formats anything itself: the pure packages do that.
package cli

//go:generate go run ./gendocs ../../docs/reference
