// Release checks what goreleaser has made, before anybody can get it. The module also
// pins goreleaser, and the program that lists what a binary was made from.
//
//	main.go     flags, and the list of checks
//	archive.go  archives: a binary for each platform, built as it is to be
//	index.go    what package managers read: krew's manifest, Homebrew's cask
//	sbom.go     lists of modules
//	chart.go    the Helm chart
//
// In: the folder that goreleaser writes to, and that of the chart. Out: one line for
// each check; the exit code is 1 if one fails. It changes nothing and needs no network.
package main
