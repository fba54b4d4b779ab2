// Package programtest is for tests that run programs: those of package program, and those
// of this repository.
//
// Input: the programs that a test needs, or the condition that it waits for. Output: the
// programs, or the end of the test. The package must never build programs of modules,
// which takes minutes: unless the environment asks for it, it skips a test that would
// need that, with the reason.
package programtest
