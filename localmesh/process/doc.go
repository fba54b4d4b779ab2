// Package process runs programs that end with this one, however it ends (Linux).
//
// In: a command. Out: a process with a log of its own. It must never leave a process
// behind.
package process
