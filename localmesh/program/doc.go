// Package program builds the programs that the local mesh runs, from their Go
// modules, once.
//
// A Module is a go.mod and go.sum, kept in this folder, and the programs that
// are built from them: what they pin is what is built, nothing is looked up. A
// program is kept in the user's cache under a name that is made of these files,
// the build flags and the version of Go; while it is there, no Go command runs.
// Of Istio other versions can be built, too ([IstioAt]): what those require, Go
// works out from their own go.mod, once.
//
// To move to another version, copy NAME.mod and NAME.sum to go.mod and go.sum of
// an empty folder, run "go get" and "go mod tidy" there, and copy them back.
//
// It must never write anywhere but below the cache and Go's own caches.
package program
