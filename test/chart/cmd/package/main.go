// Package packages the Helm chart of a repository. Its arguments are the repository, the
// version, and the output folder.
package main

import (
	"fmt"
	"os"

	"github.com/overrides-mesh/overrides/test/chart"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: package REPOSITORY VERSION FOLDER")
		os.Exit(2)
	}
	path, err := chart.Package(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, path)
}
