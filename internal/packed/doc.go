// Package packed keeps small maps in little memory. A Go map takes room for eight entries as
// soon as it has one; with keys and values of a hundred bytes each, that is a kilobyte.
package packed
