// Release checks the output of goreleaser before it is published. The module also pins
// goreleaser, and the program that lists a binary's modules.
//
//	main.go     flags, and the list of checks
//	archive.go  archives: a correctly built binary for each platform
//	index.go    files for package managers: krew's manifest, Homebrew's cask
//	sbom.go     lists of modules
//	chart.go    the Helm chart
//
// Input: goreleaser's output folder, and the chart's. Output: one line for each check;
// the exit code is 1 if one fails. It changes nothing and needs no network.
package main
