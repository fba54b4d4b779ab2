// Package programtest is for tests that run programs: those of package program,
// and those of this repository.
//
// In goes what a test needs or waits for; out comes what there is of it, or the
// test ends. It must never build programs of modules, which takes minutes: a test
// that would need it is skipped, by name, unless that is asked for.
package programtest
