// Package process runs other programs, each with a log file of its own, and ends them.
//
// In: a command. Out: a process, what it has written and how it has ended. On Linux a
// process ends with this one, however that ends: none may ever be left behind.
package process
