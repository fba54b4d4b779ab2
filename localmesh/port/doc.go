// Package port finds ports for programs that have to be told theirs.
//
// In goes how many; out come ports of loopback that were free just now. They are not
// kept: it must never be taken for granted that one is still free.
package port
