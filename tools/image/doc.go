// Image builds the container image of Overrides out of nothing: no daemon runs, and
// no base image is pulled.
//
//	main.go    flags, and what is printed
//	binary.go  go build, for each platform
//	root.go    what else is in the image: users, certificate authorities
//	build.go   layers, images, their index
//	write.go   an OCI layout, archives for docker load, a push
//
// In: the source of the program, and what it is to be called. Out: the same bytes
// for the same source, Go and module versions, whenever and wherever it is built:
// times are those of SOURCE_DATE_EPOCH, or 1970.
//
// The certificate authorities are Mozilla's, from golang.org/x/crypto/x509roots:
// a module pinned by its hash, updated like any other, with nothing of the machine
// that builds. The list of what the program was made from is in the program itself
// (go version -m): there is nothing else in the image that could be on such a list.
package main
