// Package port finds free ports for programs that need one on their command line.
//
// Input: a number. Output: ports of loopback that were free just now. They are not
// reserved: never assume that one is still free.
package port
