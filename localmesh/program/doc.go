// Package program builds the programs that the local mesh runs, once, from their Go
// modules.
//
// A Module is a go.mod and go.sum in this folder, and the programs that are built from
// them: their pinned versions are built, and nothing is looked up. A program is cached in
// the user's cache under a name derived from these files, the build flags and the version
// of Go; while it is there, no Go command runs. Other versions of Istio can be built, too
// ([IstioAt]): Go resolves their requirements from their own go.mod, once.
//
// To update to another version, copy NAME.mod and NAME.sum to go.mod and go.sum in an
// empty folder, run "go get" and "go mod tidy" there, and copy them back.
//
// The package writes only below the cache and Go's own caches.
package program
