// Image builds the container image of Overrides from scratch: it needs no daemon, and
// pulls no base image.
//
//	main.go    flags, and the printed summary
//	binary.go  go build, for each platform
//	root.go    the other files of the image: users, certificate authorities
//	build.go   layers, images, their index
//	write.go   an OCI layout, archives for docker load, a push
//
// Input: the source of the program, and the image's name. Output: the same bytes for
// the same source, Go and module versions, whenever and wherever it is built: times are
// SOURCE_DATE_EPOCH, or 1970.
//
// The certificate authorities are Mozilla's, from golang.org/x/crypto/x509roots: a
// module pinned by its hash and updated like any other, independent of the building
// machine. The program itself contains the list of its modules (go version -m): nothing
// else in the image would belong on such a list.
package main
